/* SPDX-License-Identifier: MIT */
/* The schemas of policy files, as they are printed: JSON, ended by a NUL. */
	.section .rodata
	.globl	nuc_schema_seccomp, nuc_schema_caps, nuc_schema_landlock
	.hidden	nuc_schema_seccomp, nuc_schema_caps, nuc_schema_landlock
nuc_schema_seccomp:
	.incbin	NUC_SCHEMA_SECCOMP
	.byte	0
nuc_schema_caps:
	.incbin	NUC_SCHEMA_CAPS
	.byte	0
nuc_schema_landlock:
	.incbin	NUC_SCHEMA_LANDLOCK
	.byte	0
	.section .note.GNU-stack, "", @progbits
