// Follows a service as consul/api does it, and prints its instances, one line for each answer that brings news.
package main

import (
	"fmt"
	"os"
	"sort"
	"strings"

	"github.com/hashicorp/consul/api"
)

func main() {
	client, err := api.NewClient(&api.Config{Address: os.Args[1]})
	if err != nil {
		panic(err)
	}
	index := uint64(0)
	for {
		entries, meta, err := client.Health().Service("chat", "", os.Args[2] == "passing", &api.QueryOptions{WaitIndex: index})
		if err != nil {
			panic(err)
		}
		if meta.LastIndex < index {
			index = 0
			continue
		}
		index = meta.LastIndex
		told := []string{}
		for _, entry := range entries {
			told = append(told, fmt.Sprintf("%s:%d*%d", entry.Service.Address, entry.Service.Port, entry.Service.Weights.Passing))
		}
		sort.Strings(told)
		fmt.Println(strings.Join(told, " "))
	}
}
