; reset_i8042 - resets by the keyboard controller; the partition ends with the
; reason reboot (or starts again, as its restart policy says).
%define GUEST_NAME "reset_i8042"
%define RESET_PORT 0x64
%define RESET_VALUE 0xfe
%include "reset.inc"
