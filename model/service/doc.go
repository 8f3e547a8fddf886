// Package service starts model servers on the owner's machine when a call needs one, and
// stops them when nobody does.
//
// A Service is what models.providers.<id>.localService says of one server. Use starts it
// where it does not run, waits until it is ready, and leases it for one request. A server
// that answers already is used as it is, whoever started it.
//
// The server is not a child of the process that asked for it but of a keeper: a process
// of its own (Keep), one for each server, so that several gateways share one start and
// none of them takes the server from the others when it ends. All that is known between
// them are locks on files in the service's folder, which the kernel frees however a
// process ends:
//
//	keeper.lock   held by the keeper as long as the server runs
//	user-*.lock   held by every gateway that has used the server, until it ends
//	busy-*.lock   held by a gateway while a request of its own is under way
//	used          touched when a request begins or ends; says for how long the server is
//	              kept after that
//	gate.lock     held while one of these is taken, and while the server is being
//	              stopped, so that nobody gets a lease on a server that is going
//
// The keeper ends the server when no gateway is left, or, with an idle limit, when no
// request was under way for that long, whether gateways are there or not. A start that
// took longer than somebody waited goes on without them, for an hour at most. If the keeper itself is killed, Linux and Windows
// end the server with it; elsewhere the next Use does, and only when number, start and
// record agree that it is the same process.
package service
