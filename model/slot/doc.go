// Package slot decides who may use a model server now. A server at home answers one
// request at a time, so every request first claims a slot of its endpoint.
//
// Claims wait in lanes: the person, then follow-ups, subagents, scheduled jobs, and
// housekeeping, which runs only on an idle endpoint and is cancelled as soon as
// anybody else wants it. Within a lane it is first come, first served, and sessions
// take turns. A session gets the slot it had before whenever it is free, because its
// prompt may still be in that slot's cache. A claim may name several servers that would do:
// it waits in the line of each and is given one slot. Hearth processes that share a server take
// the same file locks, and tell each other beside them of requests that were stopped and may
// still run; between processes there is no priority.
package slot
