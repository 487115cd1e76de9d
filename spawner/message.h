/* SPDX-License-Identifier: MIT */
/*
 * message.h - what a worker and its spawner say to each other
 *
 * Over a SOCK_SEQPACKET pair, one struct a packet; both ends are programs of
 * one build, so the structs travel as they are.  The socket is descriptor
 * SPAWN_SOCKET of the spawner.
 *
 * The worker first sends a COMMAND for each command that it may start, then
 * OPEN; the spawner answers with a struct spawn_ready.  From then on the
 * worker sends START and SIGNAL, and the spawner packets of up to
 * SPAWN_EVENTS struct spawn_event.  End of file on the socket ends the
 * spawner, after all that it has started.
 *
 * A child has a number, which the worker chooses.  FAILED and ENDED are the
 * last event of a child: the worker may then use the number again.
 */
#ifndef SPAWNER_MESSAGE_H
#define SPAWNER_MESSAGE_H

#include <limits.h>
#include <stdint.h>

enum {
	SPAWN_SOCKET = 3,
	SPAWN_FILES = 3, /* stdin; stdout and stderr; descriptor 3 */
	SPAWN_PACKET = 64 * 1024,
	SPAWN_CHILDREN = 4096, /* numbers of children are below */
	SPAWN_COMMANDS = 256,
	SPAWN_WORDS = 68,	/* of a command */
	SPAWN_EVENTS = 64,	/* in one packet */
	SPAWN_VARIABLES = 2100, /* of the environment of one child */
	SPAWN_FOLDER = 256,	/* bytes of a folder's path, with its NUL */
};

enum spawn_op { SPAWN_COMMAND, SPAWN_OPEN, SPAWN_START, SPAWN_SIGNAL };

/* The steps of a start; the last that was begun is named when it failed. */
#define SPAWN_STEP_MAP(X)                                                      \
	X(SPAWN_REQUEST, "request") /* the message cannot be carried out */    \
	X(SPAWN_MKDIR, "folder")    /* to make the child's folder */           \
	X(SPAWN_FORK, "fork")                                                  \
	X(SPAWN_CGROUP, "cgroup")   /* to make the child's control group */    \
	X(SPAWN_SESSION, "session") /* setsid(2) and prctl(2) */               \
	X(SPAWN_ENTER, "enter")	    /* into the control group */               \
	X(SPAWN_PLACE, "files")	    /* descriptors to their places */          \
	X(SPAWN_CHDIR, "chdir")	    /* into the folder */                      \
	X(SPAWN_LIMIT, "limits")    /* setrlimit(2) */                         \
	X(SPAWN_EXEC, "exec")

enum spawn_step {
#define X(symbol, name) symbol,
	SPAWN_STEP_MAP(X)
#undef X
		SPAWN_STEPS,
};

enum spawn_flag {
	SPAWN_WITH_FOLDER = 1, /* its working directory, removed at its end */
	SPAWN_WITH_TMP = 2,    /* the variable SPAWN_TMP_ENV */
	SPAWN_PROBE = 4,       /* all steps but the last; ends with status 0 */
};

/*
 * SPILLWAY_TMP names a folder for large files that is not made: the child
 * makes it if it has a use for it, and the spawner removes it.
 */
#define SPAWN_TMP_ENV "SPILLWAY_TMP"

/* 0 in a limit: none is set. */
struct spawn_limits {
	int64_t memory;	   /* bytes of address space */
	int64_t cpu_ms;	   /* rounded up to seconds */
	int64_t files;	   /* at most the spawner's own limit */
	int64_t processes; /* of the user */
	int64_t core;	   /* bytes of a core dump; 0: none is written */
};

struct spawn_head {
	uint32_t op;	 /* enum spawn_op */
	uint32_t number; /* of the command, or of the child */
};

/* The path, and the words of argv, a NUL behind each. */
struct spawn_command {
	struct spawn_head head;
	char texts[SPAWN_PACKET - sizeof(struct spawn_head)];
};

/* With SPAWN_FILES descriptors (SCM_RIGHTS). */
struct spawn_start {
	struct spawn_head head;
	uint32_t command, flags;
	struct spawn_limits limits;
	char env[SPAWN_PACKET - 64]; /* NAME=VALUE, a NUL behind each */
};

struct spawn_signal {
	struct spawn_head head;
	int32_t signal; /* to the child's process group */
};

struct spawn_ready {
	int32_t error; /* 0; or -errno: no folder could be made */
	int32_t blind; /* the kernel does not list children: see group.h */
	/* 0: each child has a control group; or why not: cgroups_open(). */
	int32_t cgroup_error;
	char folder[SPAWN_FOLDER];
};

enum spawn_kind {
	SPAWN_STARTED, /* execve(2) has succeeded */
	SPAWN_FAILED,  /* `step` and `error`: nothing of the command has run */
	SPAWN_ENDED,   /* and so have all processes that it left */
};

struct spawn_event {
	uint32_t number, kind;
	uint32_t step;
	int32_t error;	/* -errno */
	int32_t status; /* as of waitpid(2) */
	int32_t pid;
	int64_t cpu_ms, rss_kb;
};

#endif
