/* SPDX-License-Identifier: MIT */
#include "profile_read.h"

const struct nuc_doc *nuc_profile_get(const struct nuc_doc *table, const char *key)
{
	for (size_t i = 0; i < table->n; i++)
		if (!strcmp(table->items[i]->key, key))
			return table->items[i]->type == NUC_DOC_NULL ? NULL : table->items[i];
	return NULL;
}

static const char *listed(size_t i, void *keys)
{
	return ((const char *const *)keys)[i];
}

int nuc_profile_keys(struct nuc_profile_reader *r, const struct nuc_doc *table,
		     const char *const *keys)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct nuc_doc *item = table->items[i];
		char shown[NUC_DOC_SHOWN_SIZE];
		const char *near;
		size_t k = 0;

		while (keys[k] && strcmp(keys[k], item->key) != 0)
			k++;
		if (keys[k])
			continue;
		near = nuc_nearest(item->key, listed, (void *)keys);
		nuc_doc_shown(item->key, strlen(item->key), shown);
		if (near) {
			_cleanup_free_ char *hint = nuc_strf("did you mean \"%s\"?", near);

			return nuc_profile_bad(r, item, hint, "a profile has no key \"%s\" here",
					       shown);
		}
		return nuc_profile_bad(r, item,
				       "remove it: what is not understood cannot be enforced",
				       "a profile has no key \"%s\" here", shown);
	}
	return 0;
}

int nuc_profile_want(struct nuc_profile_reader *r, const struct nuc_doc *d, enum nuc_doc_type type,
		     const char *what)
{
	static const char *const names[] = {
		[NUC_DOC_TABLE] = "an object", [NUC_DOC_ARRAY] = "an array",
		[NUC_DOC_STRING] = "a string", [NUC_DOC_INT] = "an integer",
		[NUC_DOC_UINT] = "an integer",
	};

	if (d->type == type && (type != NUC_DOC_STRING || strlen(d->s) == d->len))
		return 0;
	return nuc_profile_bad(r, d, "see the OCI runtime-spec, config-linux.md, Seccomp",
			       "%s is not %s", what, names[type]);
}

int nuc_profile_missing(struct nuc_profile_reader *r, const struct nuc_doc *table, const char *key)
{
	return nuc_profile_bad(r, table, "see the OCI runtime-spec, config-linux.md, Seccomp",
			       "%s is missing", key);
}

int nuc_profile_number(struct nuc_profile_reader *r, const struct nuc_doc *d, const char *what,
		       uint64_t max, uint64_t *ret)
{
	uint64_t v = d->type == NUC_DOC_UINT ? d->u : (uint64_t)d->i;

	if (d->type != NUC_DOC_UINT) {
		int n = nuc_profile_want(r, d, NUC_DOC_INT, what);

		if (n < 0)
			return n;
		if (d->i < 0)
			return nuc_profile_bad(
				r, d,
				"numbers are unsigned, of 64 bits: -1 is 18446744073709551615",
				"%s: %lld is less than 0", what, (long long)d->i);
	}
	if (v > max)
		return nuc_profile_bad(r, d, "write a smaller one", "%s: %llu is more than %llu",
				       what, (unsigned long long)v, (unsigned long long)max);
	*ret = v;
	return 0;
}

static const char *word_at(size_t i, void *words)
{
	return ((const struct nuc_profile_word *)words)[i].name;
}

int nuc_profile_word(struct nuc_profile_reader *r, const struct nuc_doc *d, const char *what,
		     const struct nuc_profile_word *words, uint32_t *ret)
{
	_cleanup_free_ char *hint = NULL;
	char shown[NUC_DOC_SHOWN_SIZE];
	const char *near;
	int n = nuc_profile_want(r, d, NUC_DOC_STRING, what);

	if (n < 0)
		return n;
	for (size_t i = 0; words[i].name; i++)
		if (!strcmp(words[i].name, d->s)) {
			*ret = words[i].value;
			return 0;
		}
	near = nuc_nearest(d->s, word_at, (void *)words);
	hint = near ? nuc_strf("did you mean \"%s\"?", near) : NULL;
	return nuc_profile_bad(r, d,
			       hint ? hint : "see the OCI runtime-spec, config-linux.md, Seccomp",
			       "%s: there is no \"%s\"", what, nuc_doc_shown(d->s, d->len, shown));
}
