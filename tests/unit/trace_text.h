/* SPDX-License-Identifier: MIT */
/* Traces as text, for the tests. */
#pragma once

#include "learn.h"

#define HEAD "{\"nucleus_trace\":1,\"records\":\"calls+paths\",\"time_us\":1,\"library\":\"0.1.0\","          \
	     "\"arch\":\"x86_64\",\"kernel\":\"6.1\"}\n"
#define WHO "{\"t\":1,\"pid\":2,\"comm\":\"x\","
#define END(records) "{\"end\":true,\"t\":9,\"calls\":5,\"records\":" #records ",\"lost\":0,\"unread\":0,"    \
		     "\"by_call\":{\"read\":3}}\n"
#define READ WHO "\"call\":\"read\",\"nr\":0}\n"
#define PATH_OF(op, kind, path) WHO "\"op\":\"" op "\",\"kind\":\"" kind "\",\"path\":\"" path "\"}\n"

static int parse(const char *text, struct nuc_trace *t, nucleus_error **err)
{
	return nuc_trace_parse(text, strlen(text), "t", t, err);
}
