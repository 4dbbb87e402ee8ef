; task_gate - an exception whose gate is a task gate; see task.inc.
%define GUEST_NAME "task_gate"
%define TASK_GATE
%include "task.inc"
