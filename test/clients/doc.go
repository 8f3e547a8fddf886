// Package clients keeps our own model server honest: the official JavaScript clients of
// OpenAI, Anthropic and Ollama read what model/modeltest streams in each protocol, and
// must understand what was meant. Every other test believes that server, so a mistake in
// it would be ours twice.
//
// It needs node and npm, and fetches the clients from the npm registry, so neither make
// e2e nor CI runs it; a person who changes how modeltest writes a protocol does:
//
//	go test -tags clients -count 1 ./test/clients
package clients
