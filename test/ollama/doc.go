// Package ollama gives tests a real Ollama server that serves the scripted model of
// package scripted: started on a free port, under a memory limit, with its own empty
// store, and gone with all its runner processes when the test ends.
//
// build.sh makes the binary; its tests, which run with the build tag e2e, hold what
// we believe about Ollama's four chat protocols to what it does. Tests elsewhere use
// the same server to drive the real hearth:
//
//	server, err := ollama.Start(ctx, ollama.Config{Dir: dir})
//	defer server.Stop()
//	// POST server.URL + "/api/chat" with model ollama.Chat and a message that holds
//	// the trigger of a script, such as "@@think".
//
// The served models differ in their template only. All use one thread: more spin at
// barriers against each other on a busy machine, and turn 0.5 ms a token into 500.
package ollama
