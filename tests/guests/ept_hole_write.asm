; ept_hole_write - writes outside of RAM; see hole.inc.
%define GUEST_NAME "ept_hole_write"
%define HOLE_WRITE
%include "hole.inc"
