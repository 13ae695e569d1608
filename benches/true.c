/* SPDX-License-Identifier: MIT */
/* The least program that a static C library allows. */
int main(void)
{
	return 0;
}
