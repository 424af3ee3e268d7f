package azure

// KindOf looks a code up in the table of errors, for whoever has kept nothing
// else of an error. A code that is not in it is Unknown.
func KindOf(code string) Kind {
	if known, ok := codes[code]; ok {
		return known.kind
	}
	return Unknown
}
