package model

import "hearth"

// EncodedCache keeps the wire form of messages, so that a long conversation is encoded
// once and then only joined. Messages never change, so an entry never goes stale; it
// belongs to one (session, epoch), which fixes everything else that affects the bytes.
// It is used by one goroutine at a time. The nil cache works and keeps nothing.
type EncodedCache struct {
	items map[hearth.MessageID][]byte
}

// NewEncodedCache gives an empty cache.
func NewEncodedCache() *EncodedCache {
	return &EncodedCache{items: make(map[hearth.MessageID][]byte)}
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
