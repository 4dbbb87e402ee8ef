/*
 * svm_exit.c - the tables of svm_exit.h as data: names for reports.
 */
#include "svm_exit.h"

const char *svm_exit_name(uint32_t reason)
{
	static const char *const names[SVM_REASON_COUNT] = {
#define X(name, code, text) [code] = (text),
		SVM_EXIT_LIST(X)
#undef X
#define X(name, code, reason, text) [reason] = (text),
			SVM_EXIT_SPARSE_LIST(X)
#undef X
				[SVM_REASON_OTHER] = "an unknown exit",
	};

	if (reason >= ARRAY_COUNT(names) || !names[reason]) {
		return "?";
	}
	return names[reason];
}
