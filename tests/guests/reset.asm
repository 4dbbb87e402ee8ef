; reset - resets by the chipset reset control; the partition ends with the
; reason reboot (or starts again, as its restart policy says).
%define GUEST_NAME "reset"
%define RESET_PORT 0xcf9
%define RESET_VALUE 0x06
%include "reset.inc"
