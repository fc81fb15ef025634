"""What is measured: one small shop, written once per framework, and the contract they all keep.

The application files run under their own server, in whatever interpreter it has. Of ours they share the shop's words
and work (`shop`), its data (`database`), what a request must look like (`validation`) and how its upstream is asked.
`catalogue` says which applications there are and what each needs, `contract` what each has to answer.
"""
