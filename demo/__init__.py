"""The whole job on real images in minutes: its data, its trainings, the scores and the contact sheet that it writes.

``python -m demo`` runs it; ``python -m demo.swap`` trains published configs with another backbone on the same images.
"""
