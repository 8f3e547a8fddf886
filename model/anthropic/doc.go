// Package anthropic speaks the Messages protocol: POST /v1/messages, answered by
// server-sent events. The vendor's own host speaks it, and so do llama.cpp, LM Studio,
// Ollama and several proxies; what only the vendor understands goes only there.
package anthropic
