; ept_hole - reads outside of RAM; see hole.inc.
%define GUEST_NAME "ept_hole"
%define HOLE_READ
%include "hole.inc"
