/* boot_path.c - paths below \bulkhead\. See boot_path.h. */
#include "boot_path.h"

void boot_path_init(struct boot_path *p)
{
	p->text[0] = '\0';
	p->len = 0;
}

enum status boot_path_push(struct boot_path *p, const uint16_t *name)
{
	uint32_t at = p->len;
	uint32_t name_len = 0;

	if (name[0] == 0) {
		return ERR_INVALID;
	}
	/* bounded by the room that is left: each turn takes one byte of it */
	if (at > 0) {
		if (at + 1 >= BOOT_PATH_MAX) {
			return ERR_TOO_BIG;
		}
		at++;
	}
	for (; name[name_len] != 0; name_len++) {
		uint16_t c = name[name_len];
		if (c < 0x20 || c > 0x7e || c == '/' || c == '\\') {
			p->text[p->len] = '\0';
			return ERR_INVALID;
		}
		if (at + name_len + 1 >= BOOT_PATH_MAX) {
			p->text[p->len] = '\0';
			return ERR_TOO_BIG;
		}
		p->text[at + name_len] = (char)c;
	}
	if (p->len > 0) {
		p->text[p->len] = '/';
	}
	p->len = at + name_len;
	p->text[p->len] = '\0';
	return OK;
}

void boot_path_pop(struct boot_path *p)
{
	while (p->len > 0 && p->text[p->len - 1] != '/') {
		p->len--;
	}
	if (p->len > 0) {
		p->len--;
	}
	p->text[p->len] = '\0';
}

bool boot_path_is_dots(const uint16_t *name)
{
	if (name[0] != '.') {
		return false;
	}
	return name[1] == 0 || (name[1] == '.' && name[2] == 0);
}

static char lower(char c)
{
	if (c >= 'A' && c <= 'Z') {
		return (char)(c + ('a' - 'A'));
	}
	return c;
}

bool boot_path_equals(const struct boot_path *p, const char *text)
{
	uint32_t i = 0;
	while (i < p->len && text[i] != '\0') {
		if (lower(p->text[i]) != lower(text[i])) {
			return false;
		}
		i++;
	}
	return i == p->len && text[i] == '\0';
}
