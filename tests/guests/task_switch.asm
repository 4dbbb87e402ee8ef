; task_switch - a far jump to a TSS; see task.inc.
%define GUEST_NAME "task_switch"
%include "task.inc"
