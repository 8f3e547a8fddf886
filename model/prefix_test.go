package model_test

import (
	"bytes"
	"fmt"
	"testing"

	"hearth"
	"hearth/model"
)

func sentOf(head string, items ...string) *model.Sent {
	s := &model.Sent{Head: []byte(head)}
	for _, item := range items {
		s.Items = append(s.Items, []byte(item))
	}
	return s
}

func TestAPrefixSaysWhatARequestExtends(t *testing.T) {
	first, second := sentOf("head", "a", "b"), sentOf("head", "a", "b", "c")
	if second.Prefix(2) != first.Prefix(2) || second.Prefix(3) == first.Prefix(2) || first.Prefix(9) != first.Prefix(2) {
		t.Error("a request that extends another is not told")
	}
	for name, other := range map[string]*model.Sent{
		"another head": sentOf("Head", "a", "b"), "another item": sentOf("head", "a", "x"),
		"another border": sentOf("head", "ab", ""), "a part of the head": sentOf("heada", "b"),
	} {
		if other.Prefix(2) == first.Prefix(2) {
			t.Errorf("%s gives the same hash", name)
		}
	}
	// However it is asked: forwards, backwards, again.
	fresh := sentOf("head", "a", "b", "c").Prefix(1)
	for _, n := range []int{3, 1, 0, 1} {
		if got := second.Prefix(n); n == 1 && got != fresh {
			t.Errorf("the order of asking changes the hash")
		}
	}
}

// BenchmarkPrefix is what a report costs for a conversation of 30,000 tokens: route and
// agent ask for two prefixes each.
func BenchmarkPrefix(b *testing.B) {
	items := make([][]byte, 200)
	for i := range items {
		items[i] = bytes.Repeat(fmt.Append(nil, i%10), 600)
	}
	for b.Loop() {
		s := &model.Sent{Head: make([]byte, 6000), Items: items}
		for range 2 {
			s.Prefix(198)
			s.Prefix(200)
		}
	}
}

// What is known of the request before saves hashing, and must never change the hash.
func TestAKeptChainGivesTheHashesOfAFreshOne(t *testing.T) {
	cache := model.NewEncodedCache()
	item := func(id, text string) []byte {
		return cache.Item(hearth.MessageID(id), func() []byte { return []byte(text) })
	}
	for _, step := range []struct {
		name, head string
		items      [][]byte
	}{
		{"the first request", "head", [][]byte{item("1", "a"), item("2", "b")}},
		{"one that extends it", "head", [][]byte{item("1", "a"), item("2", "b"), item("3", "c")}},
		{"the same once more", "head", [][]byte{item("1", "a"), item("2", "b"), item("3", "c")}},
		{"other bytes at an old place", "head", [][]byte{item("1", "a"), []byte("B"), item("3", "c")}},
		{"equal bytes elsewhere in memory", "head", [][]byte{item("1", "a"), []byte("B"), item("3", "c")}},
		{"a shorter one", "head", [][]byte{item("1", "a")}},
		{"another head", "Head", [][]byte{item("1", "a"), item("2", "b"), item("3", "c")}},
		{"no items", "Head", nil},
	} {
		var texts []string
		for _, it := range step.items {
			texts = append(texts, string(it))
		}
		kept, fresh := sentOf(step.head, texts...), sentOf(step.head, texts...)
		cache.Chain(kept, step.items)
		for n := range len(step.items) + 1 {
			if kept.Prefix(n) != fresh.Prefix(n) {
				t.Errorf("%s: the hash over %d items differs", step.name, n)
			}
		}
	}
}
