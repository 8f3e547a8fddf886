package model

import (
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// RetryAfter reads how long a server wants us to wait, from the headers it sent or else
// from its words; 0 when it does not say. now is used for dates when the server sent no
// date of its own.
func RetryAfter(h http.Header, words string, now time.Time) time.Duration {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil {
		return clamp(ms / 1000)
	}
	if d := after(h.Get("Retry-After"), h, now); d > 0 {
		return d
	}
	var longest time.Duration
	for _, unit := range []string{"Requests", "Tokens"} {
		if h.Get("X-Ratelimit-Remaining-"+unit) == "0" {
			longest = max(longest, after(h.Get("X-Ratelimit-Reset-"+unit), h, now))
		}
	}
	if longest > 0 {
		return longest
	}
	return retryInWords(words)
}

// after reads seconds, a Go-like duration ("1m3.5s", "6ms") or a date.
func after(v string, h http.Header, now time.Time) time.Duration {
	v = strings.TrimSpace(v)
	if s, err := strconv.ParseFloat(v, 64); err == nil {
		return clamp(s)
	}
	if d, err := time.ParseDuration(v); err == nil {
		return clamp(d.Seconds())
	}
	for _, parse := range []func(string) (time.Time, error){http.ParseTime, rfc3339} {
		if at, err := parse(v); err == nil {
			if sent, err := http.ParseTime(h.Get("Date")); err == nil {
				now = sent // the server's clock and ours may differ
			}
			return clamp(at.Sub(now).Seconds())
		}
	}
	return 0
}

func rfc3339(v string) (time.Time, error) { return time.Parse(time.RFC3339, v) }

// clamp turns seconds into a duration between nothing and a week.
func clamp(seconds float64) time.Duration {
	if !(seconds > 0) {
		return 0
	}
	return time.Duration(math.Min(seconds, 7*24*3600) * float64(time.Second))
}

var retryWords = regexp.MustCompile(`(?i)(?:(?:try again|retry) (?:in|after)|"?retryDelay"?:)\s*"?((?:\d+(?:\.\d+)?(?:ms|h|m|s))+|\d+(?:\.\d+)?)`)

func retryInWords(words string) time.Duration {
	m := retryWords.FindStringSubmatch(words)
	if m == nil {
		return 0
	}
	return after(m[1], nil, time.Time{})
}
