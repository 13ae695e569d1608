/* SPDX-License-Identifier: MIT */
/**
 * libnucleus: hardened Linux sandboxes, in-process.
 *
 * A policy says what is wanted, a sandbox compiles it for this host into a plan (which can be
 * explained and hashed), and spawn runs a program under that plan.
 *
 * Conventions
 * - Functions return 0 or more on success, a negative errno on failure; outputs (`ret_...`) are
 *   untouched on failure. Where there is a `ret_err` and it is not NULL, it receives an owned
 *   nucleus_error on failure: free it with nucleus_error_free().
 * - Strings are UTF-8 and NUL-terminated. A `char **ret` receives an owned string: free it with
 *   nucleus_free().
 * - Instead of an object, or of a string, NULL is allowed only where it is said. Else functions that return a
 *   number give -EINVAL (nucleus_process_all_stats() 0), those that return a string NULL; the functions of an error
 *   that is not there give 0 and "".
 * - Any thread may call; one object is for one thread at a time; different objects are independent. A process
 *   object is for one thread, too, but any other may send it signals until it is closed: see
 *   nucleus_process_signal().
 * - A process belongs to who started it. A child that fork(2) gave a copy of the object can only close that, which
 *   lets go of the copy's descriptors and memory, and ends nothing: see nucleus_process_close().
 * - The library never exits, aborts, prints, installs signal handlers, starts threads, or changes
 *   the caller's directory, umask, ids, signal mask or environment.
 * - Linux x86_64, kernel 6.1 or newer: elsewhere functions fail with -ENOTSUP.
 */
#ifndef NUCLEUS_NUCLEUS_H
#define NUCLEUS_NUCLEUS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define NUCLEUS_API __attribute__((visibility("default")))
#else
#define NUCLEUS_API
#endif

typedef struct nucleus_policy nucleus_policy;
typedef struct nucleus_sandbox nucleus_sandbox;
typedef struct nucleus_process nucleus_process;
typedef struct nucleus_error nucleus_error;
typedef struct nucleus_denial nucleus_denial;

/* ---- library ------------------------------------------------------------------------------- */

/**
 * nucleus_version - the version of the library that is running, as "MAJOR.MINOR.PATCH"
 *
 * Static string, never NULL. Since: 0.1
 */
NUCLEUS_API const char *nucleus_version(void);

/**
 * nucleus_has_feature - whether this library has a named feature
 * @name: for example "landlock", "seccomp", "copy-in-out", "cgroup", "network-broker"
 *
 * Says what the library can do, not what this host can: for that see nucleus_doctor().
 * Returns 1 or 0. Since: 0.1
 */
NUCLEUS_API int nucleus_has_feature(const char *name);

/**
 * nucleus_free - frees a string that the library returned through a `char **ret`
 *
 * NULL is allowed. Since: 0.1
 */
NUCLEUS_API void nucleus_free(void *string);

/**
 * nucleus_doctor - which mechanisms this host, and this user, has
 * @format: "text" or "json"
 * @ret: receives the report
 *
 * Returns 1 when a strict-agent sandbox would run here, 0 when not, -EINVAL for an unknown format,
 * -ENOMEM. Takes milliseconds: it tries namespaces out in a child. Since: 0.1
 */
NUCLEUS_API int nucleus_doctor(const char *format, char **ret);

/* ---- errors -------------------------------------------------------------------------------- */

/** nucleus_error_code - the negative errno that the failing call returned. Since: 0.1 */
NUCLEUS_API int nucleus_error_code(const nucleus_error *error);
/** nucleus_error_stage - "policy", "compile", "launch", "run"; never NULL. Since: 0.1 */
NUCLEUS_API const char *nucleus_error_stage(const nucleus_error *error);
/** nucleus_error_layer - the mechanism: "option", "mount", "landlock", ...; never NULL. Since: 0.1 */
NUCLEUS_API const char *nucleus_error_layer(const nucleus_error *error);
/** nucleus_error_message - one line, no newline; never NULL. Since: 0.1 */
NUCLEUS_API const char *nucleus_error_message(const nucleus_error *error);
/** nucleus_error_origin - what asked for it, as "web.toml:12:3" or "--workspace"; or NULL. Since: 0.1 */
NUCLEUS_API const char *nucleus_error_origin(const nucleus_error *error);
/** nucleus_error_hint - what to do about it; or NULL. Since: 0.1 */
NUCLEUS_API const char *nucleus_error_hint(const nucleus_error *error);
/**
 * nucleus_error_json - the whole record as one JSON object
 *
 * Keys: code, errno (name), stage, layer, message, origin, hint; the last two may be null.
 * Returns 0 or -ENOMEM. Since: 0.1
 */
NUCLEUS_API int nucleus_error_json(const nucleus_error *error, char **ret);
/** nucleus_error_free - NULL is allowed. Since: 0.1 */
NUCLEUS_API void nucleus_error_free(nucleus_error *error);

/* ---- options ------------------------------------------------------------------------------- */

/**
 * nucleus_option_attr - one attribute of one row of the option table
 * @index: 0 and up
 * @attr: "key" (as in files, "workspace.mode"), "flag" ("--workspace-mode"), "short" ("-w" or ""),
 *        "type" (one of bool, enum, string, path, size, count, duration, decimal, list,
 *        map),
 *        "values" (an enum's values, separated by '|', or ""), "metavar", "group", "default",
 *        "help" (one line), "since"
 *
 * This is what command lines, schemas and bindings are made from, so that a new option needs no
 * change in them. Returns a static string; NULL past the last row or for an unknown attribute.
 * Since: 0.1
 */
NUCLEUS_API const char *nucleus_option_attr(size_t index, const char *attr);

/* ---- policy: what is wanted ---------------------------------------------------------------- */

/**
 * nucleus_policy_new - an empty policy: every option at its mode's default, mode agent
 *
 * Returns 0 or -ENOMEM. Since: 0.1
 */
NUCLEUS_API int nucleus_policy_new(nucleus_policy **ret);
/**
 * nucleus_policy_copy - a policy of its own that sets the same, from the same origins
 * @ret: receives it: free it with nucleus_policy_free()
 *
 * For a base to which each start adds something; files are not read again. The origin of the next set
 * and add is not copied. Returns 0 or -ENOMEM. Since: 0.1
 */
NUCLEUS_API int nucleus_policy_copy(const nucleus_policy *policy, nucleus_policy **ret);
/** nucleus_policy_free - NULL is allowed. Since: 0.1 */
NUCLEUS_API void nucleus_policy_free(nucleus_policy *policy);

/**
 * nucleus_policy_load - reads a policy document, TOML or JSON (by its name: .json is JSON)
 * @policy: what the document sets is added; an option set twice with different values is an error
 * @path: a regular file of at most 1 MiB
 *
 * Relative paths in the document are taken from the directory of the document. Returns 0; -EINVAL
 * for a document that is not understood (the error names file, line and column), -EEXIST for an
 * option that is already set otherwise, -EFBIG, -EISDIR, or the errno of open or read. On failure
 * the policy is as it was before the call. Since: 0.1
 */
NUCLEUS_API int nucleus_policy_load(nucleus_policy *policy, const char *path,
				    nucleus_error **ret_err);
/**
 * nucleus_policy_load_fd - the same from a descriptor, which is read to its end and not closed
 * @name: how errors name the document; a name that ends in ".json" is read as JSON
 *
 * Relative paths are taken from the current directory. A pipe is allowed. Since: 0.1
 */
NUCLEUS_API int nucleus_policy_load_fd(nucleus_policy *policy, int fd, const char *name,
				       nucleus_error **ret_err);

/**
 * nucleus_policy_set_origin - how errors and explain name the following set and add calls
 * @origin: for example "--workspace"; NULL for the default, "api"
 *
 * Returns 0 or -ENOMEM. Since: 0.1
 */
NUCLEUS_API int nucleus_policy_set_origin(nucleus_policy *policy, const char *origin);

/**
 * nucleus_policy_set - gives one option its value
 * @key: a key of the option table; a list or map takes the whole as one item
 * @value: in the form that the command line uses: "true", "64M", "30s", "bind-rw", "/srv/data:/data:ro"
 *
 * Returns 0; -ENOENT for an unknown key (the hint names the nearest), -EINVAL for a value of the
 * wrong type or form, -ERANGE for one out of range, -EEXIST if another origin set another value.
 * Since: 0.1
 */
NUCLEUS_API int nucleus_policy_set(nucleus_policy *policy, const char *key, const char *value,
				   nucleus_error **ret_err);
/**
 * nucleus_policy_add - adds an item to a list, or "KEY=VALUE" to a map
 *
 * Errors as nucleus_policy_set(); -EINVAL for an option that is neither list nor map. Since: 0.1
 */
NUCLEUS_API int nucleus_policy_add(nucleus_policy *policy, const char *key, const char *value,
				   nucleus_error **ret_err);

/**
 * nucleus_policy_dump - the options that are set, as a document that loads back to the same policy
 * @format: "toml", "json", or "text" (every option with its value and where it came from)
 *
 * Returns 0, -EINVAL for an unknown format, -ENOMEM. Since: 0.1
 */
NUCLEUS_API int nucleus_policy_dump(const nucleus_policy *policy, const char *format, char **ret);

/**
 * nucleus_policy_schema - the JSON Schema (2020-12) of policy documents
 *
 * Returns 0 or -ENOMEM. Since: 0.1
 */
NUCLEUS_API int nucleus_policy_schema(char **ret);

/* ---- policy files --------------------------------------------------------------------------- */

/*
 * A policy may name files that are reviewed, pinned and signed apart from it: a seccomp profile, a
 * capabilities policy, a Landlock policy. All functions here want a regular file of at most 1 MiB, read it
 * once, and give -EINVAL, -EISDIR or -EFBIG for what is none, -EAGAIN for one that is written to
 * meanwhile, or the errno of open or read. See nucleus-policy(5) for the forms of keys and signatures.
 */

/**
 * nucleus_policy_file_hash - the SHA-256 by which a policy pins a file, as 64 hexadecimal digits
 *
 * Returns 0, or an errno as above. Since: 0.1
 */
NUCLEUS_API int nucleus_policy_file_hash(const char *path, char **ret, nucleus_error **ret_err);
/**
 * nucleus_policy_file_check - reads a policy document or a policy file, and says what is wrong
 * @kind: "policy", "seccomp", "caps" or "landlock"; NULL: by its content
 * @ret_report: receives lines; the first is the kind, and each other a note about the file
 *
 * Nothing of this host is looked at but the file: what passes here may still ask for what a host does
 * not have. Returns 0; -EINVAL for an unknown kind, or for a file that is not understood (the error names
 * file, line and column); or an errno as above. Since: 0.1
 */
NUCLEUS_API int nucleus_policy_file_check(const char *path, const char *kind, char **ret_report,
					  nucleus_error **ret_err);
/**
 * nucleus_policy_file_diff - what a policy file allows that another does not, for who reviews a change
 * @a, @b: two files of one kind, before and after
 * @format: "text", or "json": an object with kind, a, b and changes; each of these has side ("more": only
 *          @b allows it, "less": @b no longer does, "changed": nobody can say), what ("option",
 *          "capability", "syscall", "path", "port", "scope"), subject, before, after, note; the last
 *          three may be null
 *
 * Returns 0 if they allow the same (the text is then empty), 1 if not; -EINVAL for what is not understood
 * or of different kinds, or as nucleus_policy_file_check(). Since: 0.1
 */
NUCLEUS_API int nucleus_policy_file_diff(const char *a, const char *b, const char *format, char **ret,
					 nucleus_error **ret_err);
/**
 * nucleus_policy_schema_of - the JSON Schema (2020-12) of a kind of file
 * @kind: as for nucleus_policy_file_check(); NULL is "policy"
 *
 * Returns 0, -EINVAL for an unknown kind, -ENOMEM. Since: 0.1
 */
NUCLEUS_API int nucleus_policy_schema_of(const char *kind, char **ret);
/**
 * nucleus_policy_keygen - makes a pair of keys (Ed25519) to sign policy files with
 * @prefix: PREFIX.key is written, which is secret (mode 0600, whatever the umask), and PREFIX.pub
 * @replace: not 0: files of these names are replaced, each as a whole
 * @ret_id: receives the key's id, which errors name it by; may be NULL
 *
 * Returns 0; -EEXIST if there is one of the files and `replace` is 0; -EINVAL for a prefix that names no
 * file; or the errno of writing. Since: 0.1
 */
NUCLEUS_API int nucleus_policy_keygen(const char *prefix, int replace, char **ret_id,
				      nucleus_error **ret_err);
/**
 * nucleus_policy_file_sign - writes FILE.sig, the signature of what FILE holds now
 * @secret_key: PREFIX.key; only its owner, the caller or root, may have access to it
 * @ret_id: receives the key's id; may be NULL
 *
 * The signature is written whole or not at all, in place of an older one. Returns 0; -EPERM for a key
 * that others have access to, -EINVAL for what is no secret key, or an errno of reading or writing.
 * Since: 0.1
 */
NUCLEUS_API int nucleus_policy_file_sign(const char *path, const char *secret_key, char **ret_id,
					 nucleus_error **ret_err);
/**
 * nucleus_policy_file_verify - whether FILE.sig is a signature of what FILE holds now
 * @public_key: PREFIX.pub
 * @ret_id: receives the key's id; may be NULL
 *
 * Returns 0; -ENOENT if there is no FILE.sig (or no FILE), -EKEYREJECTED if another key has made it,
 * -EBADMSG if the file or the signature has been changed since, -EINVAL for what is no signature or no
 * public key, or an errno of reading. Since: 0.1
 */
NUCLEUS_API int nucleus_policy_file_verify(const char *path, const char *public_key, char **ret_id,
					   nucleus_error **ret_err);

/* ---- learning ------------------------------------------------------------------------------- */

/**
 * nucleus_seccomp_generate - the minimal seccomp profile (OCI runtime-spec, JSON) of one or more traces
 * @traces: paths of traces (security.seccomp-log, security.learn), NULL-terminated: their union
 * @options: NULL, or NULL-terminated: "base=default" (not a profile, but what differs from the built-in
 *	list, a line a call), "allow-dangerous=NAME" (a call that is left out otherwise, if it was
 *	seen: one that is always refused or answered, as nucleus-trace(5) lists them)
 * @ret: the text
 * @ret_notes: what a reviewer must know: what was left out and why, whether a trace was cut off
 *
 * Returns 0; -EINVAL for no trace, for a file that is none or is damaged (the error's origin is
 * "file:line:col") or an unknown option; -EFBIG, -EISDIR, -ENOMEM, or an errno of open(2). Since: 0.1
 */
NUCLEUS_API int nucleus_seccomp_generate(const char *const *traces, const char *const *options,
					 char **ret, char **ret_notes, nucleus_error **ret_err);

/**
 * nucleus_landlock_generate - the Landlock policy (TOML) that grants what traces saw, and no more
 * @traces: as above; at least one with paths (security.learn)
 * @ret_notes: what the policy grants beyond what was seen, and what it does not grant, and why
 *
 * Returns and errors as nucleus_seccomp_generate(). Since: 0.1
 */
NUCLEUS_API int nucleus_landlock_generate(const char *const *traces, char **ret, char **ret_notes,
					  nucleus_error **ret_err);

/* ---- sandbox: what will be done ------------------------------------------------------------ */

/** nucleus_sandbox_new - a sandbox without a policy. Returns 0 or -ENOMEM. Since: 0.1 */
NUCLEUS_API int nucleus_sandbox_new(nucleus_sandbox **ret);
/**
 * nucleus_sandbox_free - NULL is allowed
 *
 * Processes that were spawned from it live on: they are ended by nucleus_process_close().
 * Since: 0.1
 */
NUCLEUS_API void nucleus_sandbox_free(nucleus_sandbox *sandbox);

/**
 * nucleus_sandbox_apply_policy - compiles a policy for this host into the sandbox's plan
 *
 * The policy is only read: it may be changed or freed afterwards. Returns 0; -ENOTSUP when this
 * host cannot enforce what the mode requires (the error names the mechanism and the mend), -EINVAL
 * for options that exclude each other, -ENOENT, -ENOTDIR and the like for paths. In agent mode what
 * cannot be enforced is a warning: see nucleus_sandbox_warning(). On failure the sandbox is as it was before the
 * call: without a policy, so that it starts nothing, or with the one that was applied last, which the next
 * nucleus_sandbox_spawn() still uses. Who wants nothing to start then frees the sandbox. Since: 0.1
 */
NUCLEUS_API int nucleus_sandbox_apply_policy(nucleus_sandbox *sandbox, const nucleus_policy *policy,
					     nucleus_error **ret_err);

/**
 * nucleus_sandbox_warning - the plan's recorded downgrades, one by one
 * @index: 0 and up
 *
 * Returns one line that names the mechanism, the reason and the mend; it belongs to the sandbox and
 * lives until the next apply_policy or free. NULL past the last. Since: 0.1
 */
NUCLEUS_API const char *nucleus_sandbox_warning(const nucleus_sandbox *sandbox, size_t index);

/**
 * nucleus_sandbox_explain - the plan in words
 * @format: "text", or "json": canonical, keys sorted, one line: what nucleus_sandbox_hash() hashes
 *
 * Returns 0, -EINVAL for an unknown format or a sandbox without a policy, -ENOMEM. Since: 0.1
 */
NUCLEUS_API int nucleus_sandbox_explain(const nucleus_sandbox *sandbox, const char *format,
					char **ret);
/**
 * nucleus_sandbox_hash - SHA-256 of the canonical plan, as 64 lower-case hexadecimal digits
 *
 * Equal hashes mean equal enforcement. Returns 0, -EINVAL for a sandbox without a policy, -ENOMEM.
 * Since: 0.1
 */
NUCLEUS_API int nucleus_sandbox_hash(const nucleus_sandbox *sandbox, char **ret);

/**
 * nucleus_sandbox_why - which layer of the plan would refuse something, why, and what would allow it
 * @query: "open:/PATH" (or "read:", "list:"), "write:/PATH", "create:/PATH", "remove:/PATH",
 *         "exec:PROGRAM" (a path, or a name that is looked up in the sandbox's PATH),
 *         "connect:HOST:PORT" (or the path of a socket), "bind:PORT", "syscall:NAME" or, for these
 *         arguments, "syscall:NAME(ARG0,ARG1,...)"
 * @format: "text", or "json": one object with the keys query, allowed, partly (a call that is allowed
 *         for some arguments only), certainty ("certain"; "inferred" where files of the host, or what
 *         runs before, have a say), layer, errno, kills, rule, origin, fix; errno, origin and fix may be
 *         null
 *
 * Nothing is run, and nothing but names, types and permissions of the host's files is looked at. A fix
 * names what it opens, if it opens a hole. Returns 1 if it would be allowed, 0 if refused; -EINVAL for a
 * query that is not understood (the hint lists the forms), an unknown format, or a sandbox without a
 * policy; -ENOMEM. Since: 0.1
 */
NUCLEUS_API int nucleus_sandbox_why(const nucleus_sandbox *sandbox, const char *query,
				    const char *format, char **ret, nucleus_error **ret_err);

/**
 * nucleus_sandbox_can_write - whether programs in the sandbox could write to a file of the host
 * @path: a file in a directory that is there; it need not be there itself
 *
 * Or put another file in its place, or in that of a directory or link on the way. For files that are to tell of
 * what the programs did. Returns 1 or 0, -EINVAL for a sandbox without a policy, -ENOENT, -EACCES and the like
 * of what is on the way, -ENOMEM. Since: 0.1
 */
NUCLEUS_API int nucleus_sandbox_can_write(const nucleus_sandbox *sandbox, const char *path);

/**
 * nucleus_sandbox_check_input - refuses a file that the next start will obey, and programs in this one could write
 * @path: such as the policy document that was loaded
 * @origin: what names it in an error ("--config"), or NULL
 *
 * nucleus_sandbox_apply_policy() sees to that of a policy's own files, and of links on the way to what it
 * binds. Not needed where nucleus_sandbox_hash() is compared with that of a plan that was looked at. Returns
 * 0 if they could not write it; 1 if they could, in mode agent, which is worth a warning; -EPERM if they
 * could, in the other modes; else as nucleus_sandbox_can_write(). Since: 0.1
 */
NUCLEUS_API int nucleus_sandbox_check_input(const nucleus_sandbox *sandbox, const char *path, const char *origin,
					    nucleus_error **ret_err);

/**
 * nucleus_cgroup_settle - makes room for sandboxes with limits in the caller's own control group
 * @policy: nothing is done unless it asks for a limit that needs a control group
 *
 * Where a process lives in the very group that was delegated to it (a unit with Delegate=yes, a scope
 * of systemd-run), the kernel lets that group hand no controllers out. If the calling process is the
 * only one there, this moves it, with all its threads, into a child of the group. Other processes are
 * never moved. Call it once, before nucleus_sandbox_apply_policy().
 *
 * Returns 1 when it has moved, 0 when that was not needed, -EBUSY when other processes live there,
 * -EOPNOTSUPP when no group is delegated to this user, -EPERM when the caller's group has limits that
 * a sandbox would leave, or another errno. Since: 0.1
 */
NUCLEUS_API int nucleus_cgroup_settle(const nucleus_policy *policy, nucleus_error **ret_err);
/**
 * nucleus_cleanup - removes what callers that were killed have left behind
 *
 * That is control groups of this user whose makers are gone, in the place where the calling process
 * would make its own; a frozen sandbox in one is ended. The first start of a sandbox with a group does
 * the same. Sandboxes whose callers are alive are not touched. Returns how many there were, or a
 * negative errno. Since: 0.1
 */
NUCLEUS_API int nucleus_cleanup(nucleus_error **ret_err);

/**
 * The caller's own at the time of the spawn; where closed, /dev/null. Of a caller whose user the program is on the host (one
 * without capabilities there), a program can open a pipe that is its standard input for writing, too
 * (/proc/self/fd/0): a caller that reads requests from its own
 * gives NUCLEUS_STDIO_NULL, or a pipe or socket that nobody else reads.
 */
#define NUCLEUS_STDIO_OWN (-1)
#define NUCLEUS_STDIO_NULL (-2) /**< /dev/null */

/**
 * nucleus_sandbox_set_stdio - the descriptors that become the program's 0, 1 and 2
 * @in, @out, @err: a descriptor, NUCLEUS_STDIO_OWN (also before this is called), or NUCLEUS_STDIO_NULL
 *
 * They stay the caller's and must be open at the spawn. One that was opened for reading only stays so
 * for the program, outside mode agent: nucleus_sandbox_spawn() refuses a memory file (memfd_create(2)) that is not
 * sealed against writing, growing and shrinking, and before Linux 6.2 a regular file, unless owner and
 * mode keep the program from it or its mount is read-only; use a pipe. Returns 0; -EBADF for a number that is not
 * open, or below NUCLEUS_STDIO_NULL: nothing has changed then. Since: 0.1
 */
NUCLEUS_API int nucleus_sandbox_set_stdio(nucleus_sandbox *sandbox, int in, int out, int err);

/**
 * nucleus_sandbox_set_timing - whether spawns from now on note when each step was done
 * @on: not 0: they do, and nucleus_process_timing() tells; 0, the default: they do not, at no cost
 *
 * Nothing that is enforced changes, nor the plan and its hash. A launch that is timed takes a few microseconds
 * longer: a reading of the clock for each step. Returns 0. Since: 0.1
 */
NUCLEUS_API int nucleus_sandbox_set_timing(nucleus_sandbox *sandbox, int on);

/**
 * nucleus_sandbox_prepare - keeps sandboxes started ahead of their programs
 * @count: how many, 0 to 64; 0 ends those that there are, and lets go of the root that starts have in common
 *
 * nucleus_sandbox_spawn() takes one of them, and has the next one made: what is left to
 * wait for is the program's own start. Each is made for one program and is never used again; it is enforced
 * and observed as any other. They are made in the background, at once if none is left, else when 20 ms have
 * passed: this does not wait for them. An idle one is two processes with some 30 KiB of their own, beside what the
 * kernel keeps for its namespaces, and ends with the calling process. The program has what the caller had
 * when its sandbox was prepared: control group, processor affinity, priority, limits that the policy leaves
 * alone, mounts below its directories. Without one that is ready, or if a directory of the policy's is
 * another one by now, a spawn is as without preparation. A child that is forked cannot use its parent's:
 * its first spawn prepares its own. Applying a policy ends them.
 *
 * Returns 0; -EINVAL for too many, or before a policy is applied; -EOPNOTSUPP where a program gets what
 * is there only when it starts (copies, descriptors passed on, a trace), where a directory of the
 * host's is mounted on, or in a tmpfs (--rootfs, a volume in the workspace), and where a user's program keeps
 * CAP_SYS_ADMIN; -ENOMEM, -EMFILE. Since: 0.1
 */
NUCLEUS_API int nucleus_sandbox_prepare(nucleus_sandbox *sandbox, unsigned int count,
					nucleus_error **ret_err);

/**
 * nucleus_sandbox_spawn - starts a program in a new sandbox
 * @sandbox: policy already applied; may be used again afterwards, each call makes a fresh sandbox
 * @argv: NULL-terminated; argv[0] is looked up in the sandbox's own PATH unless it has a slash
 * @ret: receives the running process; end and free it with nucleus_process_close()
 *
 * Returns 0 once execve() has succeeded in the sandbox; -ENOENT when the program is not there,
 * -EACCES when it may not be executed, -E2BIG, -EINVAL for an empty argv, -EISDIR when a descriptor
 * that the program would get is a directory of the host's, -EPERM or -ENOTSUP when it is a file for reading that
 * the program could write (see nucleus_sandbox_set_stdio()) or when the host refuses a step (the error's layer names it), -EAGAIN, or the errno of the step that failed. Nothing is left
 * behind then. The sandbox does not outlive the calling process. Since: 0.1
 */
NUCLEUS_API int nucleus_sandbox_spawn(nucleus_sandbox *sandbox, const char *const *argv,
				      nucleus_process **ret, nucleus_error **ret_err);

/* ---- process: what is going on -------------------------------------------------------------- */

/** How a sandbox ended. Numbers are ABI. Since: 0.1 */
enum nucleus_outcome {
	NUCLEUS_OUTCOME_RUNNING = 0,	/* not yet */
	NUCLEUS_OUTCOME_EXITED = 1,	/* code: exit status, 0 to 255 */
	NUCLEUS_OUTCOME_SIGNALLED = 2,	/* code: the signal that ended the program */
	NUCLEUS_OUTCOME_TIMEOUT = 3,	/* limits.timeout was reached; code: 0 */
	NUCLEUS_OUTCOME_KILLED = 4,	/* the whole sandbox was killed from outside; code: signal or 0 */
	NUCLEUS_OUTCOME_OOM = 5		/* limits.memory was reached, and all of it killed; code: 9 */
};

/** nucleus_process_pid - the sandbox's first process, as the caller's pid namespace sees it. Since: 0.1 */
NUCLEUS_API int nucleus_process_pid(const nucleus_process *process);
/**
 * nucleus_process_pidfd - becomes readable when the whole sandbox has ended
 *
 * Owned by the process object: poll it, do not close it. Since: 0.1
 */
NUCLEUS_API int nucleus_process_pidfd(const nucleus_process *process);
/**
 * nucleus_process_wait - waits until the program and all other processes of the sandbox have ended
 * @timeout_ms: milliseconds to wait; 0 polls, -1 waits without end; less is refused
 * @ret_outcome, @ret_code: how it ended, see enum nucleus_outcome; either may be NULL
 *
 * The kernel may still be taking down the sandbox's mounts and namespaces then, with the sandbox's first
 * process, which runs no code of the program: nucleus_process_close() waits for that, and
 * nucleus_process_pidfd() tells when it is done, as for who is to unmount what a sandbox had bound.
 *
 * May be called again: the answer stays. The first call that sees the end also carries the
 * workspace back in mode copy-in-out. It works whatever the caller does with SIGCHLD or waitpid(-1).
 * Returns 0; -ETIMEDOUT while it runs; -EINVAL for a time below -1; -ECHILD in another process than the one that
 * started it; or, again at each call and with the same record, the error of carrying back: the outcome is given
 * then as well. Since: 0.1
 */
NUCLEUS_API int nucleus_process_wait(nucleus_process *process, int timeout_ms, int *ret_outcome,
				     int *ret_code, nucleus_error **ret_err);
/**
 * nucleus_process_signal - sends a signal to the program and its process group
 * @signal: 1 to 64; SIGKILL ends the whole sandbox at once
 *
 * Any thread may call this at any time before nucleus_process_close(), also while others send signals and one waits
 * in nucleus_process_wait(), which is how to end a wait: the process is named by a descriptor, so that no signal
 * goes to another one that has its number by now. So may nucleus_process_pid() and nucleus_process_pidfd() be called.
 *
 * Returns 0, -ESRCH when it has ended, -ECHILD in another process than the one that started it, -EINVAL. Since: 0.1
 */
NUCLEUS_API int nucleus_process_signal(nucleus_process *process, int signal);
/**
 * nucleus_process_freeze, nucleus_process_thaw - stops, and continues, all processes of a sandbox
 *
 * They come back when it is so. A frozen sandbox uses no processor, keeps its memory, and can be
 * ended; its time limit and the death of its caller have an effect when it is thawed. It needs a
 * control group: set limits.cgroup. Returns 0, -EOPNOTSUPP without a group, -ESRCH when it has ended,
 * -ECHILD in another process than the one that started it, -ETIMEDOUT when a process waits in the kernel and cannot
 * be stopped, or another errno. Since: 0.1
 */
NUCLEUS_API int nucleus_process_freeze(nucleus_process *process);
NUCLEUS_API int nucleus_process_thaw(nucleus_process *process);
/**
 * nucleus_stats_attr - one attribute of one row of the table of figures
 * @index: 0 and up
 * @attr: "name" ("memory-peak-bytes": the unit is its last part, a plain count has none) or "help"
 *
 * Returns a static string; NULL past the last row or for an unknown attribute. Since: 0.1
 */
NUCLEUS_API const char *nucleus_stats_attr(size_t index, const char *attr);
/**
 * nucleus_process_stats - one figure about a sandbox
 * @name: a name of nucleus_stats_attr()
 *
 * Most figures are those of the sandbox's control group: processor, memory, processes, I/O,
 * throttling, pressure. They can be asked for while it runs, and after its end until it is closed.
 * A limit that is not set is UINT64_MAX. Returns 0, -ENOENT for an unknown name, -EAGAIN for one that
 * is only known at the end, -ENODATA for one that there is not: no control group (set limits.cgroup),
 * not in this kernel, or lost because the sandbox was killed from outside. Since: 0.1
 */
NUCLEUS_API int nucleus_process_stats(const nucleus_process *process, const char *name,
				      uint64_t *ret);
/**
 * nucleus_process_all_stats - all figures about a sandbox at once
 * @ret: receives the first `n` of nucleus_stats_attr(), in its order; UINT64_MAX for each that
 *	nucleus_process_stats() has no number for, now or at all, and for a limit that is not set
 *
 * Returns how many figures there are; no more than `n` are written. Since: 0.1
 */
NUCLEUS_API size_t nucleus_process_all_stats(const nucleus_process *process, uint64_t *ret, size_t n);
/**
 * nucleus_process_timing - where the time went, one row after the other
 * @index: 0 and up
 * @ret_side: who it was: "parent" (the caller), "child" (in the caller's memory until it executes init),
 *	"init", "program" (its process, before the exec and after), "kernel"
 * @ret_what: a step as nucleus_sandbox_explain() words it ("bind /usr on /usr (ro,nosuid,nodev)"), or one of
 *	"open-descriptors", "clone"; instead of these two and of all that was done ahead, "take-prepared" and
 *	"hand-over"; "run" (to the program's end), "tear-down" (to when the caller saw that all was gone). From the third
 *	start of an object on, steps that were done once for all may not be there (libnucleus(3))
 * @ret_ns: nanoseconds; any of the three may be NULL
 *
 * For processes of a sandbox with nucleus_sandbox_set_timing(). The rows are one after the other and leave nothing out:
 * their sum is the time from the call of spawn to when the end was seen, to the nanosecond. What the caller does
 * while the others work (copies, reading the report) is in their rows. Under a filter no clock can be read: the
 * boundary of "seccomp" and "exec" is taken from the processor's counter; where the caller may not read that (prctl
 * PR_SET_TSC) both are in "exec". A sandbox that was killed from outside has no "tear-down": it is in "run".
 * Strings belong to the process object.
 *
 * Returns 0; -EAGAIN past the last row while it runs, -ENOENT after its end; -ENODATA if it is not timed; -ENOMEM.
 * Since: 0.1
 */
NUCLEUS_API int nucleus_process_timing(nucleus_process *process, size_t index, const char **ret_side,
				       const char **ret_what, uint64_t *ret_ns);
/**
 * nucleus_process_denial_fd - becomes readable when there may be a refusal to tell of
 *
 * Owned by the process object: poll it, do not read from it, do not close it. It stays the same one.
 * Nobody has to read: what nobody reads is counted and dropped, and the sandbox does not wait. Returns
 * -1 when security.observe is "off", or where nothing can be told: nucleus_process_next_denial() then
 * gives -ENODATA at once; -ECHILD in another process than the one that started it; -ENOMEM, -EMFILE and the like.
 * Since: 0.1
 */
NUCLEUS_API int nucleus_process_denial_fd(nucleus_process *process);
/**
 * nucleus_process_next_denial - the next thing that was refused to programs in the sandbox
 * @ret: receives it: free it with nucleus_denial_free()
 *
 * Never waits. What limits refused is told after the sandbox has ended. Returns 0; -EAGAIN when there
 * is none now, -ENODATA when none will come any more, -ECHILD in another process than the one that started it,
 * -ENOMEM (that one is lost). Since: 0.1
 */
NUCLEUS_API int nucleus_process_next_denial(nucleus_process *process, nucleus_denial **ret);

/**
 * nucleus_denial_attr - one attribute of a refusal
 * @attr: "time" (RFC 3339, UTC), "pid" (inside), "program" (what it calls itself: it may lie), "layer"
 *        ("seccomp", "landlock", "mount", "network namespace", "cgroup", ...), "operation" and "target":
 *        OPERATION:TARGET is a question to nucleus_sandbox_why(), as "syscall:ptrace(16)" or
 *        "write:/etc/hosts"; "errno" (what the program got), "rule" (what refused it), "origin"
 *        ("web.toml:12:3", "--workspace"), "fix" (what would allow it, and what that opens if it opens a
 *        hole), "certainty" ("certain": the layer itself said so; "inferred"), "count" (how often so
 *        far: told at 1, 2, 4, 8...), "weight" ("low" for what programs try and live without)
 *
 * Programs choose their names and paths: in what is returned, all that is no printable UTF-8 is
 * written as \xHH, and in "program" and "target" a backslash as two. The string belongs to the refusal. NULL
 * for what is not known, and for an unknown attribute. Since: 0.1
 */
NUCLEUS_API const char *nucleus_denial_attr(const nucleus_denial *denial, const char *attr);
/**
 * nucleus_denial_json - all attributes as one JSON object, in one line
 *
 * "pid" and "count" are numbers; null for what is not known. Returns 0 or -ENOMEM. Since: 0.1
 */
NUCLEUS_API int nucleus_denial_json(const nucleus_denial *denial, char **ret);
/** nucleus_denial_free - NULL is allowed. Since: 0.1 */
NUCLEUS_API void nucleus_denial_free(nucleus_denial *denial);

/**
 * nucleus_process_close - ends the sandbox if it still runs, waits until it is gone, frees
 *
 * In mode copy-in-out a sandbox that was never seen to end carries nothing back. NULL is allowed. No other thread may
 * use the object from here on.
 *
 * In a process that was forked from the one that started it, this frees the copy of the object and closes its
 * descriptors, and nothing else: the sandbox runs on, with its control group, and is its starter's. So destructors
 * and exit handlers may close there what they find. Since: 0.1
 */
NUCLEUS_API void nucleus_process_close(nucleus_process *process);

#ifdef __cplusplus
}
#endif

#endif /* NUCLEUS_NUCLEUS_H */
