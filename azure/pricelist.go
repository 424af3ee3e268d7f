package azure

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// EnvPrices names a file of prices that go before the built-in ones.
const EnvPrices = "DURABATCH_PRICES"

// Price is what a node costs in dollars an hour.
type Price struct {
	Dedicated float64 `yaml:"dedicated"`
	Spot      float64 `yaml:"spot"` // 0: not known
}

// Prices are the built-in list prices and, before them, a user's own.
type Prices struct {
	Source string           `yaml:"source"` // where the user's come from, and of when they are
	Sizes  map[string]Price `yaml:"sizes"`
}

// LoadPrices reads the file of a user's prices, YAML or JSON:
//
//	source: our agreement of 2026-10
//	sizes:
//	  Standard_D2s_v3: {dedicated: 0.081, spot: 0.0142}
//
// An empty name is the built-in prices alone.
func LoadPrices(file string) (Prices, error) {
	if file == "" {
		return Prices{}, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return Prices{}, fmt.Errorf("%s: %w", EnvPrices, err)
	}
	var read Prices
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	decoder.KnownFields(true)
	if err := decoder.Decode(&read); err != nil {
		return Prices{}, fmt.Errorf("%s: %s is no list of prices: %w", EnvPrices, file, err)
	}
	if read.Source == "" {
		read.Source = filepath.Base(file)
	}
	prices := Prices{Source: read.Source, Sizes: map[string]Price{}}
	for size, price := range read.Sizes {
		if price.Dedicated <= 0 || price.Spot < 0 {
			return Prices{}, fmt.Errorf("%s: %s: %s costs %v dollars an hour dedicated and %v spot; the first must be more than 0, the second not less",
				EnvPrices, file, size, price.Dedicated, price.Spot)
		}
		prices.Sizes[strings.ToLower(size)] = price
	}
	return prices, nil
}

// Of is the price of a size and where it comes from; false for a size that
// nobody has a price of.
func (p Prices) Of(vmSize string) (price Price, source string, ok bool) {
	if price, ok := p.Sizes[strings.ToLower(vmSize)]; ok {
		return price, p.Source, true
	}
	dollars, ok := HourlyPrice(vmSize)
	return Price{Dedicated: dollars}, PricesFrom, ok
}

// Cost is an estimate of what nodes cost.
type Cost struct {
	Dollars float64 `json:"dollars"`
	// AtMost: there are spot nodes whose price is not known, so that they are
	// counted at the price of dedicated ones.
	AtMost bool   `json:"atMost,omitempty"`
	Prices string `json:"prices"` // where they come from, and of when they are; empty: nothing is known
}

// Cost estimates what hours of nodes of a size cost. The zero Cost says that
// the size has no price.
func (p Prices) Cost(vmSize string, dedicatedHours, spotHours float64) Cost {
	price, source, ok := p.Of(vmSize)
	if !ok {
		return Cost{}
	}
	spot := price.Spot
	if spot == 0 {
		spot = price.Dedicated
	}
	return Cost{
		Dollars: price.Dedicated*dedicatedHours + spot*spotHours,
		AtMost:  price.Spot == 0 && spotHours > 0,
		Prices:  source,
	}
}

// Known says whether there was a price.
func (c Cost) Known() bool { return c.Prices != "" }

// String is the amount, and that it is a limit where it is one: "$0.03 at most".
func (c Cost) String() string {
	if !c.Known() {
		return "not known"
	}
	text := Dollars(c.Dollars)
	if c.Dollars > 0 && c.Dollars < 0.005 {
		text = "less than $0.01"
	}
	if c.AtMost {
		text += " at most"
	}
	return text
}
