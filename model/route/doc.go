// Package route gets one question answered: it goes through the candidate models, has
// the request built for each, claims a slot, streams the answer, and knows what to do
// about an error.
//
// It is the only place that asks again. The next candidate is tried for the reasons of
// hearth.Reason.FallsBack, and never after the first visible word. A refusal that
// names a lesson has the request built once more, and the lesson is kept only if that
// was answered. A local server that is loading is waited for. A body that was refused
// is never sent twice. A candidate that failed rests, unless it is the only one, and a
// turn stays with the candidate that answered. Each attempt, also a failed one, leaves a hearth.Report.
package route
