package scripted

import (
	"cmp"
	"math"
	"slices"
)

// Rotary position encoding turns dimension pair i by ropeBase^(-2i/headWidth) for
// each token of distance. The base is large so that several pairs turn slowly
// enough to tell distances apart over the whole window without wrapping round.
const (
	ropeBase     = 1e8
	keyLength    = 64.0
	recencyPairs = 8
	// Two triggers tokensApart from one another differ in score by nearMargin, where
	// the nearer one is recent; softmax then gives the older one e^-nearMargin.
	nearMargin  = 15.0
	tokensApart = 10.0
	// contentMargin lifts any trigger above every other token.
	contentMargin = 30.0
)

// attention holds the four square matrices of the one layer.
type attention struct{ query, key, value, output []float32 }

// newAttention builds the head that finds the most recent trigger. In each recency
// pair a trigger's key is (k, 0) and every query (0, s): turned by the angle a of
// their distance, their product is -k*s*sin(a), which falls as the distance grows.
// One pair that hardly turns at all carries the constant part of the score.
func newAttention() attention {
	a := attention{square(), square(), square(), square()}
	pairs := recency()
	turn := 0.0
	for _, p := range pairs {
		turn += p.angle
	}
	strength := nearMargin / tokensApart / turn
	content := strength*float64(len(pairs)) + contentMargin
	scale := 1 / math.Sqrt(headWidth)

	for _, p := range pairs {
		set(a.key, 2*p.index, dimFlag, keyLength/normTrigger)
		set(a.query, 2*p.index+1, dimConst, strength/(keyLength*scale)/normPlain)
	}
	slowest := headWidth/2 - 1
	set(a.key, 2*slowest, dimFlag, keyLength/normTrigger)
	set(a.query, 2*slowest, dimConst, content/(keyLength*scale)/normPlain)
	for i := range triggerSlots {
		set(a.value, i, dimTrigger+i, 1/normTrigger/slotFlag)
		set(a.output, dimTrigger+i, i, slotGain)
	}
	return a
}

// What RMS normalisation multiplies a row by: rows of plain tokens hold codeWidth+1
// entries of size 1, rows of triggers the flag and a slot on top.
var (
	normPlain   = math.Sqrt(float64(width) / float64(codeWidth+1))
	normTrigger = math.Sqrt(float64(width) / float64(codeWidth+2+slotFlag*slotFlag))
)

type rotation struct {
	index int
	angle float64 // radians for each token of distance
}

// recency gives the pairs that turn about one radian over the trained window, the
// best fitting first.
func recency() []rotation {
	ideal := 1.0 / trainedCtx
	var all []rotation
	for i := range headWidth / 2 {
		all = append(all, rotation{i, math.Pow(ropeBase, -2*float64(i)/headWidth)})
	}
	misfit := func(r rotation) float64 { return math.Abs(math.Log(r.angle / ideal)) }
	slices.SortFunc(all, func(a, b rotation) int { return cmp.Compare(misfit(a), misfit(b)) })
	var slow []rotation
	for _, r := range all {
		if r.angle <= 1.5*ideal && len(slow) < recencyPairs {
			slow = append(slow, r)
		}
	}
	return slow
}

func square() []float32 { return make([]float32, width*width) }

// set makes output dimension to read input dimension from.
func set(matrix []float32, to, from int, x float64) { matrix[to*width+from] = float32(x) }
