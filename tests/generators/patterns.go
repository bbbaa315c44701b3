// Prints which of the texts each pattern takes, as generated clients ask; both are read as JSON.
package main

import (
	"encoding/json"
	"os"
	"regexp"
)

func main() {
	var given [2][]string
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		panic(err)
	}
	found := [][]bool{}
	for _, pattern := range given[0] {
		compiled := regexp.MustCompile(pattern)
		taken := []bool{}
		for _, text := range given[1] {
			taken = append(taken, compiled.MatchString(text))
		}
		found = append(found, taken)
	}
	json.NewEncoder(os.Stdout).Encode(found)
}
