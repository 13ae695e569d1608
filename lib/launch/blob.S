/* SPDX-License-Identifier: MIT */
/* The init program, carried inside the library: there is no file of it to look up, or to swap. */
	.section .rodata
	.globl	nuc_init_program
	.hidden	nuc_init_program
	.globl	nuc_init_program_end
	.hidden	nuc_init_program_end
	.balign	16
nuc_init_program:
	.incbin	NUC_INIT_PROGRAM
nuc_init_program_end:
	.section .note.GNU-stack, "", @progbits
