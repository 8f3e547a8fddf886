// Package scripted makes a language model whose every answer is known before it is
// asked, so that a test can drive a real model server and still say word for word
// what must come back.
//
// The model is a file of about 1.5 MB in GGUF, the format llama.cpp and Ollama load.
// Nothing is downloaded or trained: the weights of a one-layer "llama" network are
// computed here, and the same spec gives the same bytes at every build. To the server
// it is a model like any other. It is tokenised, templated, sampled, cached and
// evicted; only its opinions are fixed.
//
// # What a test writes
//
// A spec lists scripts: a trigger word and the text that answers it.
//
//	{"name": "plain", "trigger": "@@plain", "text": "Hello from the tiny scripted model. This answer is fixed."}
//
// A prompt that holds "@@plain" is answered with that text. Three rules cover the rest:
//
//   - The most recent trigger in the whole context wins: of the last message that has
//     one, not of the last message. A prompt without any gets the spec's default.
//   - The text "<tool_response>" is a trigger too. Chat templates write it before a
//     tool's result, so after a result the model says "The tool says it is done.".
//     A result that itself holds a trigger overrides that, because it comes later:
//     a loop of several tool calls is scripted by what the tools give back.
//   - Arguments of a scripted call are fixed; the model cannot copy from the prompt.
//
// Since the model answers only what it still sees, it also proves truncation: a prompt
// whose only trigger was cut away gets the default answer.
//
// # How the network works
//
// Vocabulary: 256 bytes, merged pairs of them (so that prompts stay short), three
// control tokens, one token for each trigger and one for each chunk of a script. A
// chunk is a piece of a script's text that occurs nowhere else in the vocabulary, and
// its token is unreachable from the tokeniser's merges: only the model can produce it
// (unless it Remembers, see Config).
//
// A token's embedding is a row of 256 numbers:
//
//	0 … 183     a code of random signs, its name to the rest of the network
//	184 … 247   trigger slots: one for each script, set in the embedding of its trigger
//	248         constant 1, where biases attach
//	249         trigger flag
//	250         end flag: the last chunk of a script
//	251         chunk flag
//
// Inside a script the network is a table of successors. The output row of chunk u is
// the code of the chunk before u, so a chunk's own code has its largest product with
// the row of its successor. After the last chunk the end flag makes the end token win.
//
// At the start of an answer one attention head finds the script. Its keys are set for
// triggers only, and its query asks for the nearest of them: rotary position encoding
// turns a key by an angle that grows with distance, so a score that falls with that
// angle falls with distance. The head copies the trigger's slot into the stream, and
// the first chunk of each script listens to one slot.
//
// The best token leads by so much (a margin above 40 in the logits) that temperature
// up to 2, a seed, or a repeat penalty of 1.1 change nothing. Build checks every
// transition on the idealised network and refuses a spec that would not run as written.
package scripted
