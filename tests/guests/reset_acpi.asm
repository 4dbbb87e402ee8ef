; reset_acpi - resets by the ACPI reset register; the partition ends with the
; reason reboot (or starts again, as its restart policy says).
%define GUEST_NAME "reset_acpi"
%define RESET_PORT 0x602
%define RESET_VALUE 0x5a
%include "reset.inc"
