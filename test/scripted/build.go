package scripted

import (
	"encoding/json"
	"fmt"
)

const (
	seed      = 1
	maxMerges = 400
	normEps   = 1e-5
)

// Config says what to build. The zero value of each field is the default.
type Config struct {
	Spec         Spec   // none: Default()
	ChatTemplate string // Jinja, for servers that take the template from the file; Ollama brings its own
	Name         string // as the file names itself; "tiny"

	// Remembers makes a prompt that holds what the model said be the tokens that it said,
	// as it mostly is with a real model: for tests of what a server finds in its cache. A
	// piece of a text must then occur in no other script's. Otherwise no prompt ever has a
	// token of an answer.
	Remembers bool
}

// Build gives the bytes of a GGUF file. Equal configs give equal bytes. A spec
// whose answers the network could not give exactly is an error.
func Build(c Config) ([]byte, error) {
	if len(c.Spec.Scripts) == 0 {
		spec, err := Default()
		if err != nil {
			return nil, err
		}
		c.Spec = spec
	}
	if err := c.Spec.check(); err != nil {
		return nil, err
	}
	if c.Name == "" {
		c.Name = "tiny"
	}
	written, err := json.MarshalIndent(c.Spec, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write script spec: %w", err)
	}
	corpus := prose + "\n" + c.ChatTemplate + "\n" + string(written)
	vocab := newVocabulary(learnMerges(corpus, maxMerges))
	if c.Remembers {
		vocab.remember(c.Spec)
	}
	n, err := newNetwork(c.Spec, vocab, seed)
	if err != nil {
		return nil, err
	}
	if _, err := n.check(); err != nil {
		return nil, err
	}
	return encodeGGUF(n.metadata(c), n.tensors())
}

func (n *network) metadata(c Config) []field {
	texts, kinds := n.columns()
	fields := []field{
		{"general.architecture", "llama"},
		{"general.name", c.Name},
		{"general.type", "model"},
		{"general.file_type", uint32(1)}, // mostly 16-bit floats
		{"general.quantization_version", uint32(2)},
		{"llama.block_count", uint32(layers)},
		{"llama.context_length", uint32(trainedCtx)},
		{"llama.embedding_length", uint32(width)},
		{"llama.feed_forward_length", uint32(hidden)},
		{"llama.attention.head_count", uint32(heads)},
		{"llama.attention.head_count_kv", uint32(heads)},
		{"llama.attention.layer_norm_rms_epsilon", float32(normEps)},
		{"llama.rope.dimension_count", uint32(headWidth)},
		{"llama.rope.freq_base", float32(ropeBase)},
		{"llama.vocab_size", uint32(len(n.tokens))},
		{"tokenizer.ggml.model", "gpt2"},
		{"tokenizer.ggml.pre", "gpt-2"},
		{"tokenizer.ggml.tokens", texts},
		{"tokenizer.ggml.token_type", kinds},
		{"tokenizer.ggml.merges", n.merges},
		{"tokenizer.ggml.bos_token_id", uint32(n.begin)},
		{"tokenizer.ggml.eos_token_id", uint32(n.end)},
		{"tokenizer.ggml.padding_token_id", uint32(n.begin)},
		{"tokenizer.ggml.add_bos_token", false},
	}
	if c.ChatTemplate != "" {
		fields = append(fields, field{"tokenizer.chat_template", c.ChatTemplate})
	}
	return fields
}

func (n *network) tensors() []tensor {
	matrix := func(name string, data []float32, from, to int) tensor {
		return tensor{name: name, dims: []int{from, to}, half: true, data: data}
	}
	norm := func(name string) tensor {
		ones := make([]float32, width)
		for i := range ones {
			ones[i] = 1
		}
		return tensor{name: name, dims: []int{width}, data: ones}
	}
	zero := func() []float32 { return make([]float32, width*hidden) }
	return []tensor{
		matrix("token_embd.weight", n.embed, width, len(n.tokens)),
		norm("output_norm.weight"),
		matrix("output.weight", n.unembed, width, len(n.tokens)),
		norm("blk.0.attn_norm.weight"),
		matrix("blk.0.attn_q.weight", n.attn.query, width, width),
		matrix("blk.0.attn_k.weight", n.attn.key, width, width),
		matrix("blk.0.attn_v.weight", n.attn.value, width, width),
		matrix("blk.0.attn_output.weight", n.attn.output, width, width),
		norm("blk.0.ffn_norm.weight"),
		matrix("blk.0.ffn_gate.weight", zero(), width, hidden),
		matrix("blk.0.ffn_up.weight", zero(), width, hidden),
		matrix("blk.0.ffn_down.weight", zero(), hidden, width),
	}
}
