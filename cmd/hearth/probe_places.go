package main

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"hearth"
	"hearth/model"
)

// probedPlace is what a probe found at one of the places where a model is served.
type probedPlace struct {
	Origin         string `json:"origin"`
	Requests       int    `json:"requests"`
	ReplayRequests int    `json:"replayRequests,omitempty"`
	// Findings are those that are not the same in all places that answered.
	Findings []foundValue `json:"findings"`
	Error    *failure     `json:"error,omitempty"`

	layer model.Layer
	err   error
}

// places gives a candidate of its own for each place where the model of c is served.
func (c candidate) places() []candidate {
	first := c
	first.Replicas, first.others = nil, nil
	out := []candidate{first}
	for i, r := range c.Replicas {
		at := first
		at.Endpoint, at.Provider, at.client = r.Endpoint, r.Provider, c.others[i]
		at.Layers.Default.Locality = &r.Endpoint.Locality
		out = append(out, at)
	}
	return out
}

// probePlaces probes a candidate in all its places, one after the other. One that does
// not answer keeps none of the others from being asked; who interrupts, interrupts all.
func (pr prober) probePlaces(ctx context.Context, c candidate) []probedPlace {
	places := c.places()
	out := make([]probedPlace, 0, len(places))
	for _, at := range places {
		found := probedPlace{Origin: at.Endpoint.Origin, Findings: []foundValue{}}
		if len(places) > 1 {
			fmt.Fprintf(pr.io.err, "asking %s\n", at.Endpoint.Written())
		}
		if found.layer, found.err = pr.findOut(ctx, pr.servers.known(ctx, at), &found); found.err == nil {
			pr.addKnown(ctx, at, &found)
		}
		out = append(out, found)
		if ctx.Err() != nil {
			break
		}
	}
	return out
}

// join puts together what was found in all places. It gives an error where none was
// asked to the end: the first one's.
func (res *probeJSON) join(places []probedPlace) error {
	for _, p := range places {
		res.Requests += p.Requests
		res.ReplayRequests += p.ReplayRequests
	}
	if len(places) == 1 {
		res.Findings = places[0].Findings
		return places[0].err
	}
	same := sameFindings(places)
	res.Findings = append(res.Findings, same...)
	var err error
	for _, p := range places {
		all := slices.Concat(same, p.Findings)
		p.Findings = slices.DeleteFunc(slices.Clone(p.Findings), func(f foundValue) bool { return has(same, f) || f.Value == "unknown" && known(all, f.Field) })
		if p.err != nil {
			p.Error = &failure{Kind: string(hearth.ReasonOf(p.err)), Message: p.err.Error()}
			if err == nil {
				err = p.err
			}
		}
		res.Replicas = append(res.Replicas, p)
	}
	if slices.ContainsFunc(places, probedPlace.answered) {
		return nil
	}
	return err
}

func (p probedPlace) answered() bool { return p.err == nil }

// sameFindings are those in which all places agree that were asked to the end.
func sameFindings(places []probedPlace) []foundValue {
	var same []foundValue
	first := slices.IndexFunc(places, probedPlace.answered)
	if first < 0 {
		return nil
	}
	for _, f := range places[first].Findings {
		if !slices.ContainsFunc(places, func(p probedPlace) bool { return p.answered() && !has(p.Findings, f) }) {
			same = append(same, f)
		}
	}
	return same
}

// known reports whether findings say something of a field.
func known(findings []foundValue, field string) bool {
	return slices.ContainsFunc(findings, func(f foundValue) bool { return f.Field == field && f.Value != "unknown" })
}

// has reports whether a field has the same value among findings, whatever the evidence.
func has(findings []foundValue, f foundValue) bool {
	return slices.ContainsFunc(findings, func(other foundValue) bool { return other.Field == f.Field && other.Value == f.Value })
}

// agreed is what a compat block can say of all places. One that was not asked to the end
// is told: nothing is known of it.
func (pr prober) agreed(places []probedPlace) compatBlock {
	var block compatBlock
	first := true
	for _, p := range places {
		switch {
		case !p.answered():
			fmt.Fprintf(pr.io.err, "note: what is written was found without %s\n", p.Origin)
		case first:
			block, first = compatOf(p.layer), false
		default:
			block = block.both(compatOf(p.layer))
		}
	}
	return block
}

// both is what two blocks say alike.
func (b compatBlock) both(other compatBlock) compatBlock {
	ours, theirs := reflect.ValueOf(&b).Elem(), reflect.ValueOf(other)
	for i := range ours.NumField() {
		if !reflect.DeepEqual(ours.Field(i).Interface(), theirs.Field(i).Interface()) {
			ours.Field(i).SetZero()
		}
	}
	return b
}

// printReplicas has a line for each place that did not answer, or not as the others.
func printReplicas(s streams, res probeJSON) error {
	if len(res.Replicas) == 0 {
		return nil
	}
	var lines []string
	for _, p := range res.Replicas {
		var own []string
		for _, f := range p.Findings {
			own = append(own, f.Field+" "+f.Value)
		}
		if p.Error != nil {
			own = append(own, "stopped: "+p.Error.Message)
		}
		if len(own) > 0 {
			lines = append(lines, oneLine(p.Origin+": "+strings.Join(own, ", ")))
		}
	}
	if len(lines) == 0 {
		lines = append(lines, fmt.Sprintf("The same in all %d places.", len(res.Replicas)))
	} else if len(res.Findings) > 0 {
		lines = slices.Insert(lines, 0, "")
	}
	_, err := fmt.Fprintln(s.out, strings.Join(lines, "\n"))
	return err
}
