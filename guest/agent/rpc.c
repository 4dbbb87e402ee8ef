/* rpc.c - requests in, replies and notifications out; see rpc.h. */
#define _GNU_SOURCE
#include "rpc.h"
#include "conn.h"
#include "log.h"
#include "util.h"
#include <stdlib.h>
#include <string.h>

static const struct rpc_method *rpc_table;
static size_t rpc_table_count;
static unsigned rpc_open_count; /* calls kept by rpc_defer() */

void rpc_init(const struct rpc_method *table, size_t count)
{
	rpc_table = table;
	rpc_table_count = count;
}

/* Send @message as one line; false if it is too long or memory is short. */
static bool rpc_send(json_t *message)
{
	auto_free char *text = json_dumps(message, JSON_COMPACT);
	if (text == NULL || strlen(text) >= RPC_LINE_MAX) {
		return false;
	}
	conn_send(text, strlen(text));
	return true;
}

static void rpc_send_error(json_t *id, const struct agent_error *e)
{
	auto_json json_t *message =
		json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", id,
			  "error", error_json(e));
	if (message == NULL || !rpc_send(message)) {
		log_error("an error reply could not be sent");
	}
}

static void rpc_send_result(json_t *id, json_t *result)
{
	if (result == NULL) {
		result = json_object();
	}
	auto_json json_t *message =
		json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", id,
			  "result", result);
	if (message == NULL || !rpc_send(message)) {
		struct agent_error e;
		error_set(&e, RPC_ERR_INTERNAL,
			  "the result does not fit into a line of %d bytes",
			  RPC_LINE_MAX);
		rpc_send_error(id, &e);
	}
}

struct rpc_call *rpc_defer(struct rpc_call *call)
{
	struct rpc_call *kept = malloc(sizeof(*kept));
	if (kept == NULL) {
		return NULL;
	}
	*kept = (struct rpc_call){ .generation = call->generation,
				   .id = json_incref(call->id) };
	rpc_open_count++;
	return kept;
}

static void rpc_free(struct rpc_call *call)
{
	rpc_open_count--;
	json_decref(call->id);
	free(call);
}

void rpc_reply(struct rpc_call *call, json_t *result)
{
	if (call->generation == conn_generation() && conn_is_up()) {
		rpc_send_result(call->id, result);
	} else {
		json_decref(result);
	}
	rpc_free(call);
}

void rpc_fail(struct rpc_call *call, const struct agent_error *e)
{
	if (call->generation == conn_generation() && conn_is_up()) {
		rpc_send_error(call->id, e);
	}
	rpc_free(call);
}

void rpc_notify(const char *method, json_t *params)
{
	auto_json json_t *message =
		json_pack("{s:s, s:s, s:o}", "jsonrpc", "2.0", "method", method,
			  "params", params);
	if (message == NULL || !rpc_send(message)) {
		log_error("notification %s could not be sent", method);
	}
}

static rpc_method_fn rpc_find(const char *name)
{
	for (size_t i = 0; i < rpc_table_count; i++) {
		if (strcmp(rpc_table[i].name, name) == 0) {
			return rpc_table[i].fn;
		}
	}
	return NULL;
}

static enum rpc_verdict rpc_call_method(struct rpc_call *call, json_t *request,
					struct agent_error *e)
{
	const char *version =
		json_string_value(json_object_get(request, "jsonrpc"));
	const char *name =
		json_string_value(json_object_get(request, "method"));
	if (version == NULL || strcmp(version, "2.0") != 0 || name == NULL) {
		return error_set(e, RPC_ERR_REQUEST,
				 "not a JSON-RPC 2.0 request: \"jsonrpc\" "
				 "must be \"2.0\", \"method\" a string");
	}
	rpc_method_fn fn = rpc_find(name);
	if (fn == NULL) {
		return error_set(e, RPC_ERR_METHOD, "no method \"%.64s\"",
				 name);
	}
	json_t *params = json_object_get(request, "params");
	auto_json json_t *none = json_object();
	if (params != NULL && !json_is_object(params)) {
		return error_path(e, RPC_ERR_PARAMS, "/params",
				  "\"params\" must be an object");
	}
	if (rpc_open_count >= RPC_CALLS_MAX) {
		return error_set(e, RPC_ERR_BUSY,
				 "%d calls are under way; wait for a reply",
				 RPC_CALLS_MAX);
	}
	return fn(call, params != NULL ? params : none, e);
}

void conn_on_line(char *line, size_t len)
{
	struct agent_error e = { 0 };
	json_error_t parse;
	auto_json json_t *request = json_loadb(
		line, len,
		JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL,
		&parse);
	auto_json json_t *null = json_null();
	if (request == NULL) {
		error_set(&e, RPC_ERR_PARSE, "byte %d: %.120s", parse.position,
			  parse.text);
		rpc_send_error(null, &e);
		return;
	}
	json_t *id = json_object_get(request, "id");
	if (!json_is_object(request) ||
	    (id != NULL && !json_is_integer(id) && !json_is_string(id))) {
		error_set(&e, RPC_ERR_REQUEST,
			  "a request is an object, its id a number or a "
			  "string; batches are not taken");
		rpc_send_error(null, &e);
		return;
	}
	if (id == NULL) {
		return; /* the VMM has no notifications for the agent */
	}
	struct rpc_call call = { .generation = conn_generation(), .id = id };
	switch (rpc_call_method(&call, request, &e)) {
	case RPC_REPLIED:
		rpc_send_result(id, call.result);
		break;
	case RPC_FAILED:
		json_decref(call.result);
		rpc_send_error(id, &e);
		break;
	case RPC_DEFERRED:
		break;
	}
}

void conn_on_too_long(void)
{
	struct agent_error e;
	auto_json json_t *null = json_null();
	error_set(&e, RPC_ERR_PARSE, "a line may have %d bytes", RPC_LINE_MAX);
	rpc_send_error(null, &e);
}
