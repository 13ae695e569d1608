# The example as an scdoc literal: the licence is the repository's, and a backslash is an escape.
/SPDX-License-Identifier/d
s/\\/\\\\/g
