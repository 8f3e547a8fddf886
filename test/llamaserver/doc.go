// Package llamaserver gives tests a real llama-server of llama.cpp that serves the
// scripted model of package scripted. Its build takes a quarter of an hour, so neither
// make e2e nor CI runs these tests; a person who works on requests, templates or caching
// does:
//
//	test/llamaserver/build.sh
//	go test -tags llamaserver -count 1 ./test/llamaserver
//
// What only this server can say is how many prompt tokens it evaluated for each request
// (the timings of its answers): the number that law 1, append and never re-render, is
// about.
package llamaserver
