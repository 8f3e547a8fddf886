package probe

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"hearth"
	"hearth/model"
)

// notForChat are words in the ids of models that do not hold conversations.
var notForChat = regexp.MustCompile(`(?i)embed|rerank|\bbge-|\be5-|\bgte-|minilm|whisper|\btts\b|kokoro|\bclip\b|stable-diffusion|\bflux\b|moderation|guard`)

func looksLikeEmbedding(id string) bool { return notForChat.MatchString(id) }

// size is a number of parameters as names hold it: 8b, 30B-A3B, 0.6b, 8x7b, 805K.
var size = regexp.MustCompile(`(?i)(?:^|[^a-z0-9.])(?:(\d+)x)?(\d+(?:\.\d+)?)([bmk])(?:[^a-z0-9]|$)`)

// paramsOf reads the number of parameters, in billions, out of a model's id; 0 = unknown.
// Where a name holds several, the largest counts: 30b-a3b has 30 billion.
func paramsOf(id string) float64 {
	largest := 0.0
	for rest := id; ; {
		at := size.FindStringSubmatchIndex(rest)
		if at == nil {
			return largest
		}
		largest = max(largest, params(rest[at[0]:at[1]]))
		rest = rest[at[7]:] // go on right behind the letter: one separator may serve two
	}
}

// params reads "8.0B", "805K" or "8x7b" as billions.
func params(s string) float64 {
	m := size.FindStringSubmatch(s)
	if m == nil {
		return 0
	}
	n, err := strconv.ParseFloat(m[2], 64)
	if err != nil {
		return 0
	}
	if m[1] != "" {
		if times, err := strconv.ParseFloat(m[1], 64); err == nil {
			n *= times
		}
	}
	switch strings.ToLower(m[3]) {
	case "m":
		return n / 1e3
	case "k":
		return n / 1e6
	default:
		return n
	}
}

// fits reports whether a model can be loaded into memory bytes; unknown sizes and
// unknown memory fit.
func (m *Model) fits(memory int64) bool {
	return memory == 0 || m.SizeBytes == 0 || m.SizeBytes+m.SizeBytes/8 <= memory
}

// least is the smallest window in which an agent can work at all.
const least = 4000

// cramped reports whether a model is known to serve less than an agent needs. The window
// with which another client loaded it into Ollama does not bind us.
func (m *Model) cramped() bool {
	return m.Window > 0 && m.Window < least && m.because["window"] != numCtxLoaded || m.TrainedMax > 0 && m.TrainedMax < least
}

// Rank orders a server's models, best first: those in whose window an agent can work at
// all, then loaded now, then with tools, then the
// largest that fits into memory bytes (0 = unknown), then the newest. Models that are
// not for chat or run in a cloud are left out.
func Rank(models []Model, memory int64) []Model {
	var out []Model
	for i := range models {
		if m := &models[i]; !m.Embedding && !m.Cloud {
			out = append(out, *m)
		}
	}
	slices.SortStableFunc(out, func(a, b Model) int {
		return cmp.Or(
			first(!a.cramped(), !b.cramped()),
			first(isTrue(a.Resident), isTrue(b.Resident)),
			first(isTrue(a.Tools), isTrue(b.Tools)),
			first(a.fits(memory), b.fits(memory)),
			bySize(&a, &b, memory),
			b.Modified.Compare(a.Modified),
			cmp.Compare(a.ID, b.ID),
		)
	})
	return out
}

// Rank is Rank of its models, where memory is that of this machine, which binds no server
// elsewhere: what that one has, nobody says.
func (h *Host) Rank(memory int64) []Model {
	if at, err := model.ParseEndpoint(h.Root); err != nil || at.Locality != hearth.LocalityMachine {
		memory = 0
	}
	return Rank(h.Models, memory)
}

// bySize puts the larger of two models that fit first, and the smaller of two that do not.
func bySize(a, b *Model, memory int64) int {
	order := cmp.Compare(b.weight(), a.weight())
	if !a.fits(memory) && !b.fits(memory) {
		return -order
	}
	return order
}

// weight compares models by bytes where both are known, else by parameters.
func (m *Model) weight() float64 {
	if m.ParamsB > 0 {
		return m.ParamsB
	}
	return float64(m.SizeBytes) / 1e9
}

// first orders true before false.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	default:
		return 1
	}
}

func isTrue(b *bool) bool { return b != nil && *b }
