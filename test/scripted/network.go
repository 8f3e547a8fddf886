package scripted

import (
	"fmt"
	"math/rand"
)

// The shape of the network. Two heads of 128 fill the width; only the first does
// anything.
const (
	width        = 256
	headWidth    = 128
	heads        = width / headWidth
	hidden       = 32 // of the feed-forward block, which is zero
	layers       = 1
	trainedCtx   = 32768
	triggerSlots = 64
	codeWidth    = width - triggerSlots - 8

	dimTrigger = codeWidth // the first of triggerSlots dimensions
	dimConst   = dimTrigger + triggerSlots
	dimFlag    = dimConst + 1
	dimEnd     = dimConst + 2
	dimChunk   = dimConst + 3
)

// Logits, before the factor of the last normalisation (about 1.1). The successor of
// a chunk reaches codeGain*codeWidth + chunkBias = 570, the end after a last chunk
// endGain*endFlag + endBias = 970.
const (
	codeGain     = 5.0
	chunkBias    = -350.0 // no chunk is ever said by accident: the noise of codes stays below 340
	defaultStart = 150.0  // the default script's first chunk, where no trigger was seen
	triggerStart = 310.0  // the first chunk of the script whose trigger was seen last
	endBias      = 90.0   // stopping is the fallback; it shows under a grammar only
	endGain      = 110.0
	slotGain     = 6.0 // from the attention's output into the trigger slots
	slotFlag     = 4.0
	endFlag      = 8.0
	chunkFlag    = 4.0
	noRestart    = -100.0 // on first chunks, while inside a script
)

// network is the model in the making.
type network struct {
	*vocabulary
	spec     Spec
	triggers []int       // token of each script's trigger
	first    []int       // first token each script says
	next     map[int]int // successor of each chunk
	embed    []float32   // a row of width for each token
	unembed  []float32
	attn     attention
}

func newNetwork(spec Spec, vocab *vocabulary, seed int64) (*network, error) {
	n := &network{vocabulary: vocab, spec: spec, next: map[int]int{}}
	for _, s := range spec.Scripts {
		n.triggers = append(n.triggers, n.add(s.Trigger, tokenUser))
	}
	for _, s := range spec.Scripts {
		if err := n.addScript(s); err != nil {
			return nil, err
		}
	}
	n.embedTokens(rand.New(rand.NewSource(seed)))
	n.unembedTokens()
	n.attn = newAttention()
	return n, nil
}

func (n *network) addScript(s Script) error {
	if s.Text == "" {
		n.first = append(n.first, n.end)
		return nil
	}
	chunks, err := cut(s, n.known, n.texts)
	if err != nil {
		return err
	}
	if s.Loop && len(chunks) < 2 {
		return fmt.Errorf("add script %q: a loop needs two chunks", s.Name)
	}
	first := len(n.tokens)
	for i, c := range chunks {
		id := n.add(c, n.said)
		if i > 0 {
			n.next[id-1] = id
		}
	}
	last := len(n.tokens) - 1
	n.first = append(n.first, first)
	n.next[last] = n.end
	if s.Loop {
		n.next[last] = first + 1 // not the first: its row carries the penalty against a restart
	}
	return nil
}

func row(table []float32, token int) []float32 {
	return table[token*width : (token+1)*width]
}

func (n *network) embedTokens(signs *rand.Rand) {
	n.embed = make([]float32, len(n.tokens)*width)
	for t := range n.tokens {
		e := row(n.embed, t)
		for i := range codeWidth {
			e[i] = float32(signs.Intn(2)*2 - 1)
		}
		e[dimConst] = 1
		if successor, ok := n.next[t]; ok {
			e[dimChunk] = chunkFlag
			if successor == n.end {
				e[dimEnd] = endFlag
			}
		}
	}
	for script, t := range n.triggers {
		e := row(n.embed, t)
		e[dimFlag] = 1
		e[dimTrigger+script] = slotFlag
	}
}

func (n *network) unembedTokens() {
	n.unembed = make([]float32, len(n.tokens)*width)
	for t := range n.tokens {
		bias := chunkBias
		if t < 256 {
			bias = byteBias(byte(t))
		}
		row(n.unembed, t)[dimConst] = float32(bias)
	}
	ending := row(n.unembed, n.end)
	ending[dimConst] = endBias
	ending[dimEnd] = endGain
	for t, successor := range n.next {
		if successor == n.end {
			continue
		}
		// A loop's second chunk has two predecessors and knows them both. The sums
		// are of whole numbers, so the map's order does not show in the bytes.
		u := row(n.unembed, successor)
		for i, sign := range row(n.embed, t)[:codeWidth] {
			u[i] += codeGain * sign
		}
	}
	for script := range n.spec.Scripts {
		n.unembedStart(script)
	}
}

// unembedStart lets a script's first token listen to its trigger's slot.
func (n *network) unembedStart(script int) {
	u := row(n.unembed, n.first[script])
	bias := chunkBias
	if n.first[script] == n.end {
		bias = endBias
	} else {
		u[dimChunk] = noRestart
		if n.spec.Scripts[script].Trigger == n.spec.Default {
			bias = defaultStart
			u[dimConst] = defaultStart
		}
	}
	u[dimTrigger+script] = float32((triggerStart - bias) / slotGain)
}

// byteBias orders the single bytes. They lose against every script; under a JSON
// grammar that forbids the script's next chunk they win, and the order closes what
// is open as soon as it may, so a constrained answer always ends. The steps are
// wide enough to survive a repeat penalty of 1.2.
func byteBias(b byte) float64 {
	for i, first := range []byte("\"}]:,{[") {
		if b == first {
			return []float64{115, 90, 72, 56, 45, 36, 30}[i]
		}
	}
	switch {
	case b >= '0' && b <= '9':
		return 24 - float64(b-'0')
	case b >= 'a' && b <= 'z':
		return 12 - float64(b-'a')*0.2
	case b >= 'A' && b <= 'Z':
		return 6 - float64(b-'A')*0.2
	case b == ' ':
		return -10
	case b > ' ' && b < 0x7f:
		return -20
	}
	return -40
}
