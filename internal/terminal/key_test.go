package terminal

import (
	"bytes"
	"slices"
	"testing"
)

func TestKeys(t *testing.T) {
	for _, row := range []struct {
		name, typed string
		want        []key
	}{
		{"words", "ab日", []key{{keyText, "ab日"}}},
		{"words and a key", "ab\r", []key{{keyText, "ab"}, {name: keyEnter}}},
		{"Home of xterm, in both of its modes", "\x1b[H\x1bOH", []key{{name: keyHome}, {name: keyHome}}},
		{"Home and End of tmux, screen, PuTTY and the Linux console", "\x1b[1~\x1b[4~", []key{{name: keyHome}, {name: keyLast}}},
		{"Home and End of rxvt", "\x1b[7~\x1b[8~", []key{{name: keyHome}, {name: keyLast}}},
		{"an arrow with Ctrl", "\x1b[1;5D", []key{{name: keyWordLeft}}},
		{"an arrow with Alt, as a prefix", "\x1b\x1b[C", []key{{}, {name: keyRight}}},
		{"Alt and a letter", "\x1bb\x1bü", []key{{name: keyWordLeft}, {}}},
		{"a function key", "\x1b[15~\x1bOP\x1b[[Ax", []key{{}, {}, {}, {keyText, "x"}}},
		{"a paste", "\x1b[200~a\tb\rc\r\nd\x1b[0m\x03!\x1b[201~\r", []key{{name: keyPaste}, {keyText, "a\tb"}, {name: keyEnter}, {keyText, "c"}, {name: keyEnter},
			{keyText, "d\x1b[0m\x03!"}, {name: keyPasted}, {name: keyEnter}}},
		{"bytes that are no text", "a\xffb", []key{{keyText, "ab"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := keysOf(t, []byte(row.typed), len(row.typed)); !slices.Equal(got, row.want) {
				t.Errorf("%+v\nwant %+v", got, row.want)
			}
		})
	}
}

// keysOf gives the keys of what comes in pieces of step bytes. Text is put together.
func keysOf(t *testing.T, typed []byte, step int) (keys []key) {
	t.Helper()
	var held []byte
	pasting := false
	for len(typed) > 0 {
		n := min(len(typed), step)
		held, typed = append(held, typed[:n]...), typed[n:]
		for len(held) > 0 {
			k, n := nextKey(held, pasting)
			if n < 0 || n > len(held) || n == 0 && len(held) > maxSequence+1 {
				t.Fatalf("%d of %q", n, held)
			}
			if n == 0 {
				break
			}
			held = held[n:]
			pasting = k.name == keyPaste || pasting && k.name != keyPasted
			if last := len(keys) - 1; k.name == keyText && last >= 0 && keys[last].name == keyText {
				keys[last].text += k.text
				continue
			}
			keys = append(keys, k)
		}
	}
	return keys
}

// However the bytes come, they are the same keys.
func FuzzKeys(f *testing.F) {
	for _, s := range []string{"ab日\r", "\x1b[200~a\rb\r\nc\x1b[201~", "\x1b[1;5D", "\x1b[[A", "\x1b\x1b", "\xe6\x97", "\x1b[99999999999999999999999999999999999999999999999999999999999999999999~"} {
		f.Add([]byte(s), uint8(1))
	}
	f.Fuzz(func(t *testing.T, typed []byte, step uint8) {
		typed = bytes.ReplaceAll(typed, []byte{3}, nil) // that it comes alone means something
		if got, want := keysOf(t, typed, 1+int(step)), keysOf(t, typed, len(typed)); !slices.Equal(got, want) {
			t.Errorf("%q in pieces of %d: %+v\nwant %+v", typed, 1+int(step), got, want)
		}
	})
}
