package hearth_test

import (
	"testing"

	"hearth"
)

func TestWordsWaitUntilAMessageOfTheirTurnFollows(t *testing.T) {
	for _, c := range []struct {
		name string
		next hearth.Message
		ends bool
	}{
		{"the message that they became", hearth.Message{Role: hearth.RoleUser, Turn: "t"}, true},
		{"an answer, where that message is lost", hearth.Message{Role: hearth.RoleAssistant, Turn: "t"}, true},
		{"a mark of their turn", hearth.Message{Role: hearth.RoleMark, Turn: "t"}, false},
		{"a message of another turn", hearth.Message{Role: hearth.RoleUser, Turn: "other"}, false},
		{"a message that cannot be read", hearth.Message{}, false},
	} {
		if got := c.next.Admits("t"); got != c.ends {
			t.Errorf("%s: %t, want %t", c.name, got, c.ends)
		}
	}
}

func TestOnlyAMarkThatHoldsWordsGivesThem(t *testing.T) {
	mark := &hearth.Mark{Kind: hearth.MarkReceived, Words: &hearth.Words{ID: "id", Text: "Feed the cat", Images: []hearth.Blob{{Hash: "h"}}, From: hearth.FromMember}}
	whole := hearth.Message{ID: "mark", Turn: "t", Role: hearth.RoleMark, Sender: hearth.Sender{Name: "Ann"}, Parts: []hearth.Part{{Mark: mark}}}
	words, ok := whole.Received()
	if !ok || words.ID != "id" || words.Turn != "t" || words.Role != hearth.RoleUser || words.Sender != whole.Sender || len(words.Parts) != 2 ||
		words.Parts[0].Text != "Feed the cat" || words.Parts[0].Provenance != hearth.FromMember || words.Parts[1].Blob.Hash != "h" {
		t.Errorf("the words are %+v, %t", words, ok)
	}
	for name, m := range map[string]hearth.Message{
		"a person's message":        {Role: hearth.RoleUser, Parts: whole.Parts},
		"a mark of nothing":         {Role: hearth.RoleMark},
		"a mark that holds no more": {Role: hearth.RoleMark, Parts: []hearth.Part{{Mark: &hearth.Mark{Kind: hearth.MarkReceived}}}},
	} {
		if words, ok := m.Received(); ok {
			t.Errorf("%s gives %+v", name, words)
		}
	}
}
