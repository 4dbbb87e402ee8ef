; svm_run_guarded.asm - svm_run.asm once more, with what some processors need:
; VERW before each entry, the return stack stuffed when the guest is left.

%define GUARDED
%include "svm/svm_run.asm"
