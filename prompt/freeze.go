package prompt

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"hearth"
	"hearth/internal/escape"
)

// Incoming is a message before it is frozen.
type Incoming struct {
	ID     hearth.MessageID
	Turn   hearth.TurnID
	Text   string
	Images []hearth.Blob // hashed, sized and stored by the caller
	At     time.Time     // in the person's zone: the stamp shows it as it is
	Sender hearth.Sender
	From   hearth.Provenance
	Notes  []string // what else the model should know now, one clause each
}

// Freeze makes an incoming message what it will always be: the stamp, the notes about
// changed workspace files and skills, and the sentence for images that the model cannot see are
// decided here and stored. known are the newest facts told in this epoch.
func Freeze(p *Plan, in Incoming, h House, known []hearth.Fact) hearth.Message {
	m := hearth.Message{ID: in.ID, Turn: in.Turn, Role: hearth.RoleUser, At: in.At, Sender: in.Sender}
	notes, foreign := []string{stamp(in)}, []hearth.Part(nil)
	for _, n := range in.Notes {
		notes = append(notes, "["+n+"]")
	}
	for _, f := range h.Files {
		hash, told := hashText(f.Text), factHash(known, f.Name)
		if told == hash {
			continue
		}
		m.Facts = append(m.Facts, hearth.Fact{Name: f.Name, Hash: hash})
		if note := changedFile(p, f, told); f.Tainted && f.Text != "" {
			foreign = append(foreign, hearth.Part{Text: note, Provenance: hearth.FromTool})
		} else {
			notes = append(notes, note)
		}
	}
	skills := changedSkills(p, h, known)
	m.Facts = append(m.Facts, skills.facts...)
	if skills.own != "" {
		notes = append(notes, skills.own)
	}
	if skills.foreign != "" {
		foreign = append(foreign, hearth.Part{Text: skills.foreign, Provenance: hearth.FromTool})
	}
	var images []hearth.Part
	if len(in.Images) > 0 && !p.Capabilities.Vision {
		notes = append(notes, leftOut(in.Images))
	} else {
		for i := range in.Images {
			images = append(images, hearth.Part{Blob: &in.Images[i], Provenance: in.From})
		}
	}
	m.Parts = append(m.Parts, hearth.Part{Text: strings.Join(notes, "\n"), Provenance: hearth.FromGateway})
	m.Parts = append(m.Parts, foreign...)
	if in.Text != "" {
		m.Parts = append(m.Parts, hearth.Part{Text: strings.ToValidUTF8(in.Text, "\uFFFD"), Provenance: in.From})
	}
	m.Parts = append(m.Parts, images...)
	return m
}

// stamp says when and, beyond the terminal, who and where. It rides in the message and
// stays there: the system text knows no clock.
func stamp(in Incoming) string {
	s := in.At.Format("Mon 2006-01-02 15:04 MST")
	if in.Sender.Name != "" {
		s += " · from " + oneLine(in.Sender.Name)
	}
	if in.Sender.Channel != "" {
		s += " · " + oneLine(in.Sender.Channel)
	}
	return "[" + s + "]"
}

// changedFile tells a workspace file's new text, or what was added to the version that is
// known: memory grows by a line at a time, and the rest has been told. It stays within the
// limits of the system text.
func changedFile(p *Plan, f File, told string) string {
	if f.Text == "" {
		return fmt.Sprintf("[%s was removed; what it said no longer holds.]", f.Name)
	}
	budget := min(defaultFileMaxChars, max(1000, int(filesShareOfWindow*float64(p.Window)*roughCharsPerToken)))
	who := " by its owner"
	if f.Tainted {
		who = ", maybe not by its owner"
	}
	if added, ok := addedTo(f.Text, told); ok && strings.TrimSpace(added) != "" {
		return fmt.Sprintf("[%s was added to%s. Its end is new:]\n%s\n[end of %s]",
			f.Name, who, cutFile(f.Name, strings.TrimSpace(added), budget), f.Name)
	}
	return fmt.Sprintf("[%s was changed%s. It now says:]\n%s\n[end of %s]",
		f.Name, who, cutFile(f.Name, strings.TrimSpace(f.Text), budget), f.Name)
}

// addedTo gives what stands in text after the version whose hash is told, where that
// version is its beginning and ended with a line.
func addedTo(text, told string) (added string, ok bool) {
	if told == "" {
		return "", false
	}
	h, from := sha256.New(), 0
	for at := range len(text) {
		if text[at] != '\n' {
			continue
		}
		h.Write([]byte(text[from:at])) // a file need not end with a line's end
		if sumText(h) == told {
			return text[at:], true
		}
		h.Write([]byte{'\n'})
		if from = at + 1; sumText(h) == told {
			return text[from:], true
		}
	}
	return "", false
}

// leftOut is the sentence that stands for images a text-only model is not sent.
func leftOut(images []hearth.Blob) string {
	names := make([]string, len(images))
	for i := range images {
		names[i] = nameOf(&images[i])
	}
	return fmt.Sprintf("[Left out, because this model reads text only: %s]", strings.Join(names, ", "))
}

func nameOf(b *hearth.Blob) string { return cmp.Or(oneLine(b.Name), b.MIME) }

// LeftOut reports whether the images of in are left out under p, for the person to be told.
func LeftOut(p *Plan, in Incoming) bool {
	return len(in.Images) > 0 && (!p.Capabilities.Vision || p.StringsOnly())
}

// StringsOnly reports whether content is a plain string on the wire, which has no place for a
// picture.
func (p *Plan) StringsOnly() bool {
	return p.Capabilities.StringContent && strings.HasPrefix(p.Protocol, "openai-")
}

// KnownFacts gives the newest version of every fact told to the model in an epoch: the
// plan's own, overtaken by those of later messages.
func KnownFacts(p *Plan, messages []hearth.Message) []hearth.Fact {
	known := slices.Clone(p.Facts)
	for i := range messages {
		for _, f := range messages[i].Facts {
			if at := slices.IndexFunc(known, func(k hearth.Fact) bool { return k.Name == f.Name }); at >= 0 {
				known[at] = f
			} else {
				known = append(known, f)
			}
		}
	}
	return known
}

func factHash(facts []hearth.Fact, name string) string {
	for _, f := range facts {
		if f.Name == name {
			return f.Hash
		}
	}
	return ""
}

// FreezeResult cuts a tool's output to what the window can bear, once: head and tail are
// kept, and a sentence says what is missing. The person's Detail is untouched.
func FreezeResult(p *Plan, r hearth.ToolResult) hearth.ToolResult {
	r.Text = strings.ToValidUTF8(r.Text, "\uFFFD")
	budget := ResultMaxChars(p.Window)
	if len(r.Text) > budget {
		r.Text = cutMiddle(r.Text, budget)
	}
	if len(r.Blobs) > 0 && !p.Capabilities.Vision {
		r.Text = strings.TrimSpace(r.Text + "\n" + leftOut(r.Blobs))
		r.Blobs = nil
	}
	return r
}

// ResultMaxChars scales the largest tool output with the window: a fifth of it, within
// what is useful to read at once.
func ResultMaxChars(window int) int {
	const share, least, most = 0.2, 2_000, 64_000
	return min(most, max(least, int(share*float64(window)*roughCharsPerToken)))
}

// cutMiddle keeps two thirds of the budget from the head and one third from the tail.
func cutMiddle(s string, maxChars int) string {
	head, tail := maxChars*2/3, len(s)-maxChars/3
	for head > 0 && !utf8.RuneStart(s[head]) {
		head--
	}
	for tail < len(s) && !utf8.RuneStart(s[tail]) {
		tail++
	}
	return fmt.Sprintf("%s\n[… %d bytes left out here: ask for a smaller part …]\n%s", s[:head], tail-head, s[tail:])
}

var brackets = strings.NewReplacer("[", "|", "]", "|")

// oneLine makes foreign text safe inside a bracketed line.
func oneLine(s string) string {
	s = brackets.Replace(escape.Plain(s))
	if len(s) > 80 {
		s = strings.ToValidUTF8(s[:80], "")
	}
	return s
}
