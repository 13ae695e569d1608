/* SPDX-License-Identifier: MIT */
/* A policy: for each option of the table what was set and by whom; else the table's default. */
#include "policy_internal.h"

/* What a caller's own code sets: it may change its mind, where two sources may not contradict. */
#define ORIGIN_API "api"

/* Of each list and map: each new item is compared with all before it. */
#define MAX_ITEMS 8192

static void value_clear(struct nuc_value *v)
{
	for (size_t i = 0; i < v->n; i++) {
		free(v->items[i].text);
		free(v->items[i].origin);
	}
	free(v->items);
	*v = (struct nuc_value){ 0 };
}

static int value_append(struct nuc_value *v, const char *text, const char *origin)
{
	_cleanup_free_ char *t = nuc_doc_copy(text, strlen(text));
	_cleanup_free_ char *o = nuc_doc_copy(origin, strlen(origin));
	struct nuc_item *items;

	if (!t || !o)
		return -ENOMEM;
	items = reallocarray(v->items, v->n + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	v->items = items;
	items[v->n++] = (struct nuc_item){ NUC_TAKE_PTR(t), NUC_TAKE_PTR(o) };
	return 0;
}

int nucleus_policy_new(nucleus_policy **ret)
{
	nucleus_policy *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	*ret = p;
	return 0;
}

void nucleus_policy_free(nucleus_policy *p)
{
	if (!p)
		return;
	for (size_t id = 0; id < NUC_OPT__COUNT; id++)
		value_clear(&p->values[id]);
	free(p->origin);
	free(p);
}

int nucleus_policy_copy(const nucleus_policy *p, nucleus_policy **ret)
{
	_cleanup_policy_ nucleus_policy *copy = NULL;

	if (!p)
		return -EINVAL;
	if (nucleus_policy_new(&copy) < 0)
		return -ENOMEM;
	for (size_t id = 0; id < NUC_OPT__COUNT; id++) {
		const struct nuc_value *v = &p->values[id];

		for (size_t i = 0; i < v->n; i++)
			if (value_append(&copy->values[id], v->items[i].text, v->items[i].origin) < 0)
				return -ENOMEM;
	}
	*ret = NUC_TAKE_PTR(copy);
	return 0;
}

int nucleus_policy_set_origin(nucleus_policy *p, const char *origin)
{
	char *copy = NULL;

	if (!p)
		return -EINVAL;
	if (origin) {
		copy = strdup(origin);
		if (!copy)
			return -ENOMEM;
	}
	free(p->origin);
	p->origin = copy;
	return 0;
}

/* ---- setting ------------------------------------------------------------------------------- */

static int fail_no_memory(const struct nuc_source *src)
{
	return nuc_source_fail(src, -ENOMEM, NULL, "out of memory");
}

/* What a variable holds may be a secret: of a map no message shows more than names. */
static int fail_conflict(const struct nuc_source *src, enum nuc_option_id id,
			 const struct nuc_item *other, const char *text)
{
	const struct nuc_option *o = &nuc_options[id];

	if (o->type == NUC_TYPE_MAP)
		return nuc_source_fail(src, -EEXIST, "remove one of the two",
				       "%s is set to two values, by %s and by %s", o->key,
				       other->origin, src->origin);
	return nuc_source_fail(
		src, -EEXIST, "remove one of the two", "%s is set to %s by %s, and to %s by %s",
		o->key, nuc_show(other->text).s, other->origin, nuc_show(text).s, src->origin);
}

static bool is_mount(enum nuc_option_id id)
{
	return id == NUC_OPT_VOLUMES || id == NUC_OPT_TMPFS;
}

/* The item that has the place of `text`, or NULL. Volumes and tmpfs compete for the same places. */
static const struct nuc_item *find_rival(const nucleus_policy *p, enum nuc_option_id id,
					 const char *text)
{
	const char *wanted, *had;
	size_t wanted_len, had_len;

	nuc_value_identity(id, text, &wanted, &wanted_len);
	for (enum nuc_option_id other = 0; other < NUC_OPT__COUNT; other++) {
		const struct nuc_value *v = &p->values[other];

		if (other != id && !(is_mount(other) && is_mount(id)))
			continue;
		for (size_t i = 0; i < v->n; i++) {
			nuc_value_identity(other, v->items[i].text, &had, &had_len);
			if (had_len == wanted_len && !memcmp(had, wanted, had_len))
				return &v->items[i];
		}
	}
	return NULL;
}

static int place(nucleus_policy *p, const struct nuc_source *src, enum nuc_option_id id,
		 const char *canonical)
{
	struct nuc_value *v = &p->values[id];
	const struct nuc_item *rival = find_rival(p, id, canonical);
	_cleanup_free_ char *name = NULL;
	const char *identity;
	size_t len;

	if (rival && !is_mount(id) && !strcmp(rival->text, canonical))
		return 0;
	if (rival) {
		nuc_value_identity(id, canonical, &identity, &len);
		name = nuc_doc_copy(identity, len);
		if (!name)
			return fail_no_memory(src);
		return nuc_source_fail(
			src, -EEXIST, "remove one of the two",
			is_mount(id) ? "%s: two mounts at %s, by %s and by %s"
				     : "%s: %s is set to two values, by %s and by %s",
			nuc_options[id].key, nuc_show(name).s, rival->origin, src->origin);
	}
	if (v->n >= MAX_ITEMS)
		return nuc_source_fail(src, -ERANGE, NULL, "%s has more than %d items",
				       nuc_options[id].key, MAX_ITEMS);
	if (value_append(v, canonical, src->origin) < 0)
		return fail_no_memory(src);
	return 0;
}

int nuc_policy_put(nucleus_policy *p, const struct nuc_source *src, enum nuc_option_id id,
		   const char *text)
{
	struct nuc_value *v = &p->values[id], old;
	_cleanup_free_ char *canonical = NULL;
	int r = nuc_value_read(src, id, text, &canonical);

	if (r < 0)
		return r;
	if (v->n == 1 && !strcmp(v->items[0].text, canonical))
		return 0;
	for (size_t i = 0; i < v->n; i++)
		if (strcmp(v->items[i].origin, ORIGIN_API) != 0 ||
		    strcmp(src->origin, ORIGIN_API) != 0)
			return fail_conflict(src, id, &v->items[i], canonical);
	old = *v;
	*v = (struct nuc_value){ 0 };
	r = place(p, src, id, canonical);
	if (r < 0)
		*v = old;
	else
		value_clear(&old);
	return r;
}

int nuc_policy_append(nucleus_policy *p, const struct nuc_source *src, enum nuc_option_id id,
		      const char *text)
{
	const struct nuc_option *o = &nuc_options[id];
	_cleanup_free_ char *canonical = NULL;
	int r;

	if (o->type != NUC_TYPE_LIST && o->type != NUC_TYPE_MAP)
		return nuc_source_fail(src, -EINVAL, "set it instead",
				       "%s is neither a list nor a map", o->key);
	r = nuc_value_read(src, id, text, &canonical);
	if (r < 0)
		return r;
	return place(p, src, id, canonical);
}

static const char *key_at(size_t i, void *arg)
{
	(void)arg;
	return i < NUC_OPT__COUNT ? nuc_options[i].key : NULL;
}

static int set_or_add(nucleus_policy *p, const char *key, const char *value,
		      nucleus_error **ret_err,
		      int (*apply)(nucleus_policy *, const struct nuc_source *, enum nuc_option_id,
				   const char *))
{
	struct nuc_source src = { .origin = p && p->origin ? p->origin : ORIGIN_API,
				  .ret_err = ret_err };
	_cleanup_free_ char *hint = NULL;
	const char *near;
	int id;

	if (!p || !key || !value)
		return nuc_source_fail(&src, -EINVAL, NULL,
				       "a policy, a key and a value are wanted, not NULL");
	id = nuc_option_find(key);
	if (id < 0) {
		near = nuc_nearest(key, key_at, NULL);
		if (near)
			hint = nuc_strf("did you mean %s?", near);
		return nuc_source_fail(&src, id, hint, "there is no option %s", nuc_show(key).s);
	}
	return apply(p, &src, (enum nuc_option_id)id, value);
}

int nucleus_policy_set(nucleus_policy *p, const char *key, const char *value,
		       nucleus_error **ret_err)
{
	return set_or_add(p, key, value, ret_err, nuc_policy_put);
}

int nucleus_policy_add(nucleus_policy *p, const char *key, const char *value,
		       nucleus_error **ret_err)
{
	return set_or_add(p, key, value, ret_err, nuc_policy_append);
}

/* ---- getters ------------------------------------------------------------------------------- */

bool nuc_policy_is_set(const nucleus_policy *p, enum nuc_option_id id)
{
	return p->values[id].n > 0;
}

const char *nuc_policy_str(const nucleus_policy *p, enum nuc_option_id id)
{
	const struct nuc_value *v = &p->values[id];

	if (v->n)
		return v->items[0].text;
	return *nuc_options[id].def ? nuc_options[id].def : NULL;
}

bool nuc_policy_bool(const nucleus_policy *p, enum nuc_option_id id)
{
	return !strcmp(nuc_policy_str(p, id), "true");
}

int64_t nuc_policy_int(const nucleus_policy *p, enum nuc_option_id id)
{
	const struct nuc_option *o = &nuc_options[id];
	const char *text = nuc_policy_str(p, id);
	int64_t v = 0;

	if (!text)
		return 0;
	/* Text that is set was read before, and a default that does not parse fails a test. */
	switch (o->type) {
	case NUC_TYPE_ENUM:
		return nuc_option_enum_index(o, text);
	case NUC_TYPE_SIZE:
		(void)nuc_parse_size(text, &v);
		break;
	case NUC_TYPE_DURATION:
		(void)nuc_parse_duration_ms(text, &v);
		break;
	case NUC_TYPE_DECIMAL:
		(void)nuc_parse_decimal(text, &v);
		break;
	default:
		(void)nuc_parse_count(text, &v);
	}
	return v;
}

enum nuc_mode nuc_policy_mode(const nucleus_policy *p)
{
	return (enum nuc_mode)nuc_policy_int(p, NUC_OPT_MODE);
}

const char *nuc_policy_origin(const nucleus_policy *p, enum nuc_option_id id)
{
	return p->values[id].n ? p->values[id].items[0].origin : "default";
}

size_t nuc_policy_count(const nucleus_policy *p, enum nuc_option_id id)
{
	return p->values[id].n;
}

const char *nuc_policy_item(const nucleus_policy *p, enum nuc_option_id id, size_t i)
{
	return p->values[id].items[i].text;
}

const char *nuc_policy_item_origin(const nucleus_policy *p, enum nuc_option_id id, size_t i)
{
	return p->values[id].items[i].origin;
}
