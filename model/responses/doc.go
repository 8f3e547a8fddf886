// Package responses speaks OpenAI's Responses protocol (POST /v1/responses), as LM
// Studio, Ollama, llama.cpp and vLLM serve it. Reasoning has its own items there, so it
// never mixes with the answer.
//
// Every call stands alone: the whole conversation is sent, nothing is stored on the
// server and no earlier response is named, because a local server forgets them when its
// model is unloaded.
package responses
