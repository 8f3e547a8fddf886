package main

import (
	"math"

	"hearth"
	"hearth/config"
	"hearth/model/catalog"
)

// costOf is what calls cost in US dollars; nil where a price is not known.
func (r *roster) costOf(reports []hearth.Report) *float64 {
	total, known := 0.0, false
	for i := range reports {
		if price, ok := r.price(reports[i].Target); ok {
			if reports[i].Usage.Total == 0 && reports[i].Phases.Write > 0 && price != (catalog.Cost{}) {
				return nil // it was cut off before its server had counted
			}
			total, known = total+price.Of(reports[i].Usage), true
		} else if reports[i].Usage.Total > 0 {
			return nil
		}
	}
	if !known {
		return nil
	}
	total = math.Round(total*1e9) / 1e9 // sums of fractions end in noise
	return &total
}

// price is what the config says a model costs, else the catalog, at the vendor's own host.
func (r *roster) price(ref hearth.ModelRef) (catalog.Cost, bool) {
	p, ok := r.provider(ref.Provider)
	if !ok {
		return catalog.Cost{}, false
	}
	row, _ := p.Model(ref.Model)
	if c := row.Cost; c != nil && *c != (config.Cost{}) {
		return catalog.Cost{Input: c.Input, Output: c.Output, CacheRead: c.CacheRead, CacheWrite: c.CacheWrite}, true
	}
	if vendor, ok := catalog.Find(ref.Provider); ok && vendor.Owns(p.BaseURL) {
		listed, ok := catalog.Lookup(ref)
		return listed.Cost, ok
	}
	return catalog.Cost{}, row.Cost != nil // zeros somebody wrote down are a price: it is their own machine
}
