"""What is measured: one small shop, written once per framework, and the contract they all keep.

The application files run under their own server, in whatever interpreter it has: each needs its framework,
Jinja2 and the standard library, and of ours only `shop`. `catalogue` says which applications there are,
`contract` what each has to answer.
"""
