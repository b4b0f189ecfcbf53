"""What penne's speed is measured with: workloads, peers, a table and a picture.

``python -m benchmarks`` runs them; README.md says what is measured and how.
"""
