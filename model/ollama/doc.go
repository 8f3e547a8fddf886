// Package ollama speaks Ollama's own chat protocol: POST /api/chat, answered by one JSON
// object a line. Unlike Ollama's OpenAI-compatible door it lets the context window be
// set, refuses a conversation that does not fit instead of cutting it in silence, and
// says how long loading and reading took.
package ollama
