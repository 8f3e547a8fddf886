package model

import (
	"crypto/sha256"
	"slices"

	"hearth"
)

// EncodedCache keeps the wire form of messages, so that a long conversation is encoded
// once and then only joined. Messages never change, so an entry never goes stale; it
// belongs to one (session, epoch), which fixes everything else that affects the bytes.
// It is used by one goroutine at a time. The nil cache works and keeps nothing.
type EncodedCache struct {
	items map[hearth.MessageID][]byte
	words map[hearth.MessageID]int
	sent  [][]byte            // the items that were last chained
	chain [][sha256.Size]byte // and their chain: see Sent
}

// NewEncodedCache gives an empty cache.
func NewEncodedCache() *EncodedCache {
	return &EncodedCache{items: make(map[hearth.MessageID][]byte), words: make(map[hearth.MessageID]int)}
}

// Item gives the kept bytes for id, or calls encode and keeps what it gives. Messages
// without an id are never kept. The caller must not change the bytes.
func (c *EncodedCache) Item(id hearth.MessageID, encode func() []byte) []byte {
	if c == nil || id == "" {
		return encode()
	}
	if b, ok := c.items[id]; ok {
		return b
	}
	b := encode()
	c.items[id] = b
	return b
}

// toolsID is the place of the tool list; no message has that id.
const toolsID hearth.MessageID = "\x00tools"

// Tools is Item for the tool list, which an epoch fixes too.
func (c *EncodedCache) Tools(encode func() []byte) []byte { return c.Item(toolsID, encode) }

// Words gives the number kept for id, or calls count and keeps what it gives.
func (c *EncodedCache) Words(id hearth.MessageID, count func() int) int {
	if c == nil || id == "" {
		return count()
	}
	n, ok := c.words[id]
	if !ok {
		n = count()
		c.words[id] = n
	}
	return n
}

// Chain hashes a request for Sent.Prefix. Its items are copies of items, of which those
// that Item gave for the request before are not hashed again: they are the same memory,
// which nobody changes.
func (c *EncodedCache) Chain(s *Sent, items [][]byte) {
	if c == nil || len(items) != len(s.Items) {
		return
	}
	head := sha256.Sum256(s.Head)
	same := 0
	if len(c.chain) > 0 && c.chain[0] == head {
		for same < min(len(items), len(c.sent)) && sameMemory(items[same], c.sent[same]) {
			same++
		}
		s.chain = slices.Clip(c.chain[:same+1])
	}
	s.Prefix(len(items))
	c.sent, c.chain = items, s.chain
}

func sameMemory(a, b []byte) bool {
	return len(a) > 0 && len(a) == len(b) && &a[0] == &b[0]
}
