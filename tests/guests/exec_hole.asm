; exec_hole - jumps outside of RAM; see hole.inc.
%define GUEST_NAME "exec_hole"
%define HOLE_FETCH
%include "hole.inc"
