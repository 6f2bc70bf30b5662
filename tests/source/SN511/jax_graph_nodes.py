import flax.linen as nn
import jax
import jax.numpy as jnp
import jraph


class NodeUpdate(nn.Module):
    width: int

    @nn.compact
    def __call__(self, nodes, node_mask, train):
        h = nn.Dense(self.width, use_bias=False)(nodes)
        h = nn.BatchNorm(use_running_average=not train)(h)  # expect: SN511
        return nn.relu(h) * node_mask[:, None]


class GraphNet(nn.Module):
    @nn.compact
    def __call__(self, graph, train):
        mask = jraph.get_node_padding_mask(graph)
        nodes = NodeUpdate(64)(graph.nodes, mask, train)
        return nn.Dense(1)(jnp.sum(nodes, axis=0))


graph = jraph.pad_with_graphs(jraph.get_fully_connected_graph(5, 1, jnp.ones((5, 3))), 64, 256)
variables = GraphNet().init(jax.random.PRNGKey(0), graph, train=False)
