package probe

import (
	"math"
	"math/bits"
	"slices"
	"time"
)

// A pace is how fast a model reads, as measured at some depths of its prompts.
//
// Reading a token takes a time that is the same at each depth, and for attention one that
// grows with the depth. So a token deeper in the prompt is read no sooner than one before
// it, and takes no longer than in proportion to its depth: that bounds what was not measured.
// Attention alone is read by the upper bound, a large model on short prompts by the lower.
type pace []stretch // in no order; one at most for each power of two of the depth

// stretch is a part of prompts that was measured.
type stretch struct {
	Depth  float64 `json:"depth"`  // tokens before its middle
	PerSec float64 `json:"perSec"` // tokens of it that are read in a second
}

const (
	newestCounts = 0.3 // of a measurement among the ones before at that depth
	sameDepth    = 4   // the part of a depth by which another one must differ to be kept
	longestRead  = 1e6 // seconds that anything is said to take
)

func middle(from, to int) float64 { return max(1, float64(from+to)/2) }

// bucket gives the power of two that a depth belongs to.
func bucket(depth float64) int { return bits.Len64(uint64(max(0, min(depth, math.MaxInt32)))) }

// sound reports whether a stretch can have been measured: its file may be anybody's.
func (s stretch) sound() bool { return s.Depth >= 1 && s.PerSec > 0 }

// time gives how long the tokens of a prompt from one to another take to read, at least and
// at most; zeros where nothing was measured.
func (p pace) time(from, to int) (least, most time.Duration) {
	depth, tokens := middle(from, to), float64(to-from)
	low, high := 0.0, math.Inf(1) // seconds a token
	for _, s := range p {
		if !s.sound() {
			continue
		}
		same, grown := 1/s.PerSec, depth/s.Depth/s.PerSec
		low, high = max(low, min(same, grown)), min(high, max(same, grown))
	}
	if low == 0 || tokens <= 0 {
		return 0, 0
	}
	seconds := func(each float64) time.Duration {
		return time.Duration(min(tokens*each, longestRead) * float64(time.Second))
	}
	return seconds(low), seconds(max(low, high)) // measurements differ by a little at the same depth
}

// with gives what is known when a stretch of a prompt was measured. What it contradicts was
// measured before something changed, and is forgotten.
func (p pace) with(from, to int, took time.Duration) pace {
	now := stretch{middle(from, to), float64(to-from) / took.Seconds()}
	out := slices.DeleteFunc(slices.Clone(p), func(s stretch) bool { return !s.sound() || s.contradicts(now) })
	i := slices.IndexFunc(out, func(s stretch) bool { return bucket(s.Depth) == bucket(now.Depth) })
	if i < 0 {
		out, i = append(out, now), len(out)
	} else { // the mean of the times: of two stretches it is the time at their mean depth
		had, mean := out[i], func(was, is float64) float64 { return was + newestCounts*(is-was) }
		now = stretch{mean(had.Depth, now.Depth), 1 / mean(1/had.PerSec, 1/now.PerSec)}
	}
	out[i] = stretch{math.Round(now.Depth), max(0.1, math.Round(10*now.PerSec)/10)}
	return out
}

// contradicts reports whether not both can be true, by a factor of two.
func (s stretch) contradicts(other stretch) bool {
	if s.Depth > other.Depth {
		s, other = other, s
	}
	faster := other.PerSec / s.PerSec // the deeper one, which cannot be, nor slower than by the depth
	return faster > 2 || faster < s.Depth/other.Depth/2
}

// near reports whether one is not worth keeping in place of the other.
func (s stretch) near(other stretch) bool {
	return math.Abs(s.PerSec-other.PerSec) < other.PerSec/sameSpeed && math.Abs(s.Depth-other.Depth) < other.Depth/sameDepth
}
